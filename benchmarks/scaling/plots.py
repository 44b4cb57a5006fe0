"""The simulation's plots; the one module of it that needs matplotlib."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.scaling.account import quantile
from benchmarks.scaling.world import TRITON, Outcome
from services.generator.app import GROUP as GENERATOR

_BUCKETS = 90


def draw(outcomes: Mapping[str, Outcome], title: str, path: Path, until_s: float) -> None:
    """Backlog, waits, Tritons and generators over time, a line for each plan.

    Args:
        outcomes: by the plan's name.
        title: of the figure.
        path: a PNG.
        until_s: where the time axis ends.
    """
    mpl.use("Agg")
    figure, axes = plt.subplots(4, 1, figsize=(9, 10), sharex=True)
    for name, found in outcomes.items():
        shown = [sample for sample in found.samples if sample[0] <= until_s]
        hours = [at_s / 3600 for at_s, *_ in shown]
        axes[0].plot(hours, [backlog for _, backlog, _ in shown], label=name)
        axes[1].plot(*_waits(found, until_s))
        for axis, part in zip(axes[2:], (TRITON, GENERATOR), strict=True):
            axis.step(hours, [counts[part] for *_, counts in shown], where="post")
    titles = ("questions in all streams", "wait, s (95 of 100)", "Tritons", "generators")
    for axis, label in zip(axes, titles, strict=True):
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].set_title(title)
    axes[0].legend(fontsize="small")
    axes[-1].set_xlabel("hours")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _waits(found: Outcome, until_s: float) -> tuple[list[float], list[float]]:
    """Hours, and what 95 of 100 of those who came around then waited no longer than."""
    width_s = until_s / _BUCKETS
    buckets = defaultdict[int, list[float]](list)
    for number, done_s in found.done_s.items():
        if (came_s := found.came_s[number]) <= until_s:
            buckets[int(came_s // width_s)].append(done_s - came_s)
    ordered = sorted(buckets.items())
    hours = [(at + 0.5) * width_s / 3600 for at, _ in ordered]
    return hours, [quantile(sorted(waits), 0.95) for _, waits in ordered]
