"""The simulation's plots; the one module of it that needs matplotlib."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.scaling.world import TRITON, Outcome


def draw(outcomes: Mapping[str, Outcome], title: str, path: Path, until_s: float) -> None:
    """Backlog, waits, and replicas over time, a line for each plan; the cost's pods below.

    Args:
        outcomes: by the plan's name.
        title: of the figure.
        path: an SVG or PNG.
        until_s: where the time axis ends.
    """
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "ragstream"  # the same picture is the same file
    figure, axes = plt.subplots(4, 1, figsize=(9, 10), sharex=True)
    for name, found in outcomes.items():
        minutes = [at_s / 60 for at_s, *_ in found.samples if at_s <= until_s]
        shown = found.samples[: len(minutes)]
        axes[0].plot(minutes, [backlog for _, backlog, _ in shown], label=name)
        came = [(found.came_s[at] / 60, done) for at, done in sorted(found.done_s.items())]
        waits = [(at, done - at * 60) for at, done in came if at * 60 <= until_s]
        axes[1].plot([at for at, _ in waits], [wait for _, wait in waits], ".", markersize=2)
        axes[2].step(minutes, [counts[TRITON] for *_, counts in shown], where="post")
        axes[3].step(minutes, [counts["generator"] for *_, counts in shown], where="post")
    titles = ("entries in all streams", "wait by arrival, s", "Tritons", "generators")
    for axis, label in zip(axes, titles, strict=True):
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].set_title(title)
    axes[0].legend(fontsize="small")
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
