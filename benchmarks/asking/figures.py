"""From answers to figures, and from rounds to medians and ratios. Pure."""

import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec

from benchmarks.asking.program import Outcome
from benchmarks.figures import percentile

HEADLINE = (1, 8)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One system under one load.

    Attributes:
        questions_per_s: from the first question to the last answer.
        p50_s: half of the answers came within so long.
        p95_s: 95 % of them did.
        ttft_p50_s: half of the first tokens came within so long.
        cpu_s: processor seconds a question, of all processes of the system.
        memory_bytes: proportional set size of them all, at the end.
        prompt_tokens: mean of what the model read for a question.
        new_tokens: mean of what it wrote, as far as the system tells.
        questions: how many were asked.
    """

    questions_per_s: float
    p50_s: float
    p95_s: float
    ttft_p50_s: float
    cpu_s: float
    memory_bytes: float
    prompt_tokens: float
    new_tokens: float
    questions: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A system's share of one cell.

    Attributes:
        round: from 1.
        clients: who asked at once.
        system: its name.
        figures: what was measured.
        busy_others: cores that everything but this system used meanwhile.
    """

    round: int
    clients: int
    system: str
    figures: Figures
    busy_others: float


def summarize(
    outcomes: Sequence[Outcome],
    *,
    cpu_s: float,
    memory_bytes: float,
    count: Callable[[str], int],
) -> Figures:
    """Figures of one run.

    Args:
        outcomes: at least one.
        cpu_s: processor seconds of all processes.
        memory_bytes: of all processes.
        count: tokens of a prompt, for systems that show it and do not count.
    """
    took = sorted(one.done_s - one.asked_s for one in outcomes)
    first = sorted(one.first_s - one.asked_s for one in outcomes)
    seconds = max(one.done_s for one in outcomes) - min(one.asked_s for one in outcomes)
    prompts = [one.prompt_tokens or count(one.prompt) for one in outcomes]
    return Figures(
        questions_per_s=len(outcomes) / seconds,
        p50_s=percentile(took, 50),
        p95_s=percentile(took, 95),
        ttft_p50_s=percentile(first, 50),
        cpu_s=cpu_s / len(outcomes),
        memory_bytes=memory_bytes,
        prompt_tokens=statistics.fmean(prompts),
        new_tokens=statistics.fmean(one.new_tokens for one in outcomes),
        questions=len(outcomes),
    )


def medians(runs: Sequence[Run]) -> list[Run]:
    """One row for each system under each load, in the order of loads and of first runs."""
    keys = dict.fromkeys((run.clients, run.system) for run in runs)
    return [_median([r for r in runs if (r.clients, r.system) == key]) for key in sorted(
        keys, key=lambda key: key[0]
    )]  # fmt: skip


def _median(runs: Sequence[Run]) -> Run:
    names = Figures.__struct_fields__
    middle = {n: statistics.median(getattr(run.figures, n) for run in runs) for n in names}
    return Run(
        round=len(runs),
        clients=runs[0].clients,
        system=runs[0].system,
        figures=Figures(**middle),
        busy_others=max(run.busy_others for run in runs),
    )


def ratio(
    runs: Sequence[Run], ours: str, other: str, clients: int, value: Callable[[Figures], float]
) -> float | None:
    """Ours over another's: the median of what each round gave; None where one is missing."""
    cells: dict[int, dict[str, float]] = {}
    for run in runs:
        if run.clients == clients:
            cells.setdefault(run.round, {})[run.system] = value(run.figures)
    found = [cell[ours] / cell[other] for cell in cells.values() if {ours, other} <= cell.keys()]
    return statistics.median(found) if found else None


def ratios(runs: Sequence[Run], ours: str, other: str) -> dict[str, float]:
    """Questions a second at each load (above 1 is better), and p50 at 1 (below 1 is better)."""
    loads = sorted({run.clients for run in runs})
    found = {
        f"questions_per_s_at_{load}": ratio(runs, ours, other, load, lambda f: f.questions_per_s)
        for load in loads
    }
    found["p50_at_1"] = ratio(runs, ours, other, 1, lambda f: f.p50_s)
    return {name: value for name, value in found.items() if value is not None}


def share_lost(ratio_to_floor: float | None) -> float | None:
    """The share of the floor's throughput that plumbing costs, 0..1; below 0 if it costs none."""
    return None if ratio_to_floor is None else 1 - ratio_to_floor


def table(rows: Sequence[Run]) -> str:
    """The medians as plain text."""
    head = (
        "clients  system              questions/s     p50     p95    TTFT  CPU s/q     MB  prompt\n"
        "-------  ------------------  -----------  ------  ------  ------  -------  -----  ------"
    )
    return "\n".join([head, *map(_line, rows)])


def _line(row: Run) -> str:
    f = row.figures
    return (
        f"{row.clients:7}  {row.system:18}  {f.questions_per_s:11.3f}  {f.p50_s:6.2f}  "
        f"{f.p95_s:6.2f}  {f.ttft_p50_s:6.2f}  {f.cpu_s:7.2f}  {f.memory_bytes / 1e6:5.0f}  "
        f"{f.prompt_tokens:6.0f}"
    )


def ratio_lines(by_system: Mapping[str, Mapping[str, float]], ours: str) -> str:
    """The ratios as plain text, a line for each system."""
    return "\n".join(
        f"{ours} over {name}: "
        + ", ".join(f"{key.replace('_', ' ')} {value:.2f}x" for key, value in found.items())
        for name, found in by_system.items()
    )
