"""A comparison's plot; the one module that needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.results import PEER, Median

_PANELS = {
    "tokens_per_s": "generated tokens/s, all clients",
    "ttft_mean_s": "mean time to first token, s",
    "decode_tokens_per_s": "tokens/s of one client after its first",
}


def draw(medians: Sequence[Median], path: Path) -> None:
    """One panel a figure, over the number of clients; a line for each system and pair."""
    mpl.use("Agg")
    figure, axes = plt.subplots(1, len(_PANELS), figsize=(15, 4.5))
    for axis, (name, title) in zip(axes, _PANELS.items(), strict=True):
        for system, pair in dict.fromkeys((row.system, row.pair) for row in medians):
            found = [row for row in medians if (row.system, row.pair) == (system, pair)]
            axis.plot(
                [row.clients for row in found],
                [getattr(row.figures, name) for row in found],
                label=f"{system} {pair}",
                linestyle="--" if system == PEER else "-",
                marker="o",
            )
        axis.set(title=title, xlabel="clients", xticks=sorted({row.clients for row in medians}))
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
