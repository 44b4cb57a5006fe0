"""The simulation's plots; the one module of it that needs matplotlib."""

import itertools
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.scaling.account import quantile
from benchmarks.scaling.plans import CORES
from benchmarks.scaling.world import SAMPLE_S, TRITON, Outcome
from services.generator.app import GROUP as GENERATOR

_BUCKETS = 90
_LONG_S = 7_200


def draw(outcomes: Mapping[str, Outcome], title: str, path: Path, until_s: float) -> None:
    """Backlog, waits, Tritons, generators and cost over time, a line for each plan.

    Args:
        outcomes: by the plan's name.
        title: of the figure.
        path: a PNG.
        until_s: where the time axis ends.
    """
    mpl.use("Agg")
    unit_s, unit = (3600, "hours") if until_s > _LONG_S else (60, "minutes")
    figure, axes = plt.subplots(5, 1, figsize=(9, 12), sharex=True)
    for name, found in outcomes.items():
        shown = [sample for sample in found.samples if sample[0] <= until_s]
        times = [at_s / unit_s for at_s, *_ in shown]
        came, waits = _waits(found, until_s)
        axes[0].plot(times, [backlog for _, backlog, _ in shown], label=name)
        axes[1].plot([at_s / unit_s for at_s in came], waits)
        for axis, part in zip(axes[2:4], (TRITON, GENERATOR), strict=True):
            axis.step(times, [counts[part] for *_, counts in shown], where="post")
        axes[4].plot(times, list(itertools.accumulate(_core_h(counts) for *_, counts in shown)))
    titles = (
        "questions in all streams",
        "wait, s (95 of 100)",
        "Tritons",
        "generators",
        "core-hours until then",
    )
    for axis, label in zip(axes, titles, strict=True):
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    if until_s > _LONG_S:  # whoever cannot keep up would flatten all others
        for axis in axes[:2]:
            axis.set_yscale("symlog", linthresh=10)
    axes[0].set_title(title)
    axes[0].legend(fontsize="small")
    axes[-1].set_xlabel(unit)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _waits(found: Outcome, until_s: float) -> tuple[list[float], list[float]]:
    """Times, and what 95 of 100 of those who came around then waited no longer than; seconds."""
    width_s = until_s / _BUCKETS
    buckets = defaultdict[int, list[float]](list)
    for number, done_s in found.done_s.items():
        if (came_s := found.came_s[number]) <= until_s:
            buckets[int(came_s // width_s)].append(done_s - came_s)
    ordered = sorted(buckets.items())
    times_s = [(at + 0.5) * width_s for at, _ in ordered]
    return times_s, [quantile(sorted(waits), 0.95) for _, waits in ordered]


def _core_h(counts: Mapping[str, int]) -> float:
    """What one sample's pods request until the next one."""
    return sum(CORES[name] * count for name, count in counts.items()) * SAMPLE_S / 3600
