"""Comparisons' plots; the one module that needs matplotlib."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.asking.figures import Figures, Run
from benchmarks.finding.results import Results as Finding
from benchmarks.finding.results import SizeSpeed
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


_GROWTH: Mapping[str, Callable[[SizeSpeed], float]] = {
    "p50 with one client, ms": lambda row: row.latencies[0].p50_ms,
    "recall@10": lambda row: row.recall10,
    "time to load, s": lambda row: row.load_s,
}


def draw_growth(found: Finding, path: Path) -> None:
    """One panel a figure, over the number of chunks; a colour a system, a kind of line each ef."""
    mpl.use("Agg")
    figure, axes = plt.subplots(1, len(_GROWTH), figsize=(15, 4.5))
    lines: dict[tuple[str, int], list[tuple[int, SizeSpeed]]] = {}
    for size, rows in found.sizes.items():
        for row in rows:
            lines.setdefault((row.system, row.ef), []).append((int(size), row))
    colours = {name: f"C{at}" for at, name in enumerate(dict.fromkeys(name for name, _ in lines))}
    styles = dict(zip(sorted({ef for _, ef in lines}), ("-", "--", ":", "-."), strict=False))
    for axis, (title, value) in zip(axes, _GROWTH.items(), strict=True):
        for (system, ef), points in lines.items():
            if title == "recall@10" and "hybrid" in system:
                continue  # its ten are no nearest neighbours
            ordered = sorted(points, key=lambda point: point[0])
            sizes, values = [at for at, _ in ordered], [value(row) for _, row in ordered]
            look: dict[str, Any] = {"color": colours[system], "linestyle": styles.get(ef, "-")}
            axis.plot(sizes, values, label=f"{system}, ef {ef}", marker="o", **look)
        axis.set(title=title, xlabel="chunks", xscale="log")
        axis.set_yscale("linear" if title == "recall@10" else "log")
        axis.grid(alpha=0.3)
    axes[1].legend(*axes[0].get_legend_handles_labels(), fontsize="small", loc="lower left")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


_PIPELINES: Mapping[str, Callable[[Figures], float]] = {
    "questions/s": lambda row: row.questions_per_s,
    "p50, s": lambda row: row.p50_s,
    "processor seconds a question": lambda row: row.cpu_s,
}


def draw_pipelines(medians: Sequence[Run], path: Path) -> None:
    """One panel a figure, over how many ask at once; a line for each system."""
    mpl.use("Agg")
    figure, axes = plt.subplots(1, len(_PIPELINES), figsize=(15, 4.5))
    loads = sorted({row.clients for row in medians})
    for axis, (title, value) in zip(axes, _PIPELINES.items(), strict=True):
        for system in dict.fromkeys(row.system for row in medians):
            rows = [row for row in medians if row.system == system]
            values = [value(row.figures) for row in rows]
            axis.plot([row.clients for row in rows], values, label=system, marker="o")
        axis.set(title=title, xlabel="questions at once", xscale="log", xticks=loads)
        axis.set_xticklabels([str(load) for load in loads])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
