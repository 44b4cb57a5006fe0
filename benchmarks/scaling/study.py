"""Which plans are tried under which traces, and which one is taken."""

import random
from collections.abc import Iterable, Sequence
from functools import partial
from statistics import fmean

from msgspec.structs import replace

from benchmarks.scaling import plans, traces
from benchmarks.scaling.account import Row, row
from benchmarks.scaling.keda import Count, Scaled, Trigger
from benchmarks.scaling.plans import Plan
from benchmarks.scaling.results import Rates, Stranded, Tried
from benchmarks.scaling.times import Level, Times
from benchmarks.scaling.traces import Trace
from benchmarks.scaling.world import TRITON, Assumed, Outcome, Part, World

CHOSEN, BY_HAND = "chosen", "by hand"
_STEADY, _PEAK, _BASE = (
    1.5,
    3.0,
    0.05,
)  # Tritons' worth of questions: hours, at noon, before a burst
_NEAR = 1.1  # waits up to a tenth longer than the shortest count as short
_BATCH, _GAP_S = 20, 900.0
_LONG_S, _SHORT_COOLDOWN_S = 400.0, 60


def rates(times: Times) -> Rates:
    """Rates that mean something for the machine that was measured."""
    full = times.parts["generator"].levels[-1].per_s
    return Rates(
        triton_per_s=full,
        steady_per_s=round(_STEADY * full, 4),
        peak_per_s=round(_PEAK * full, 4),
        base_per_s=round(_BASE * full, 4),
    )


def trace(name: str, rate: Rates, seed: int) -> Trace:
    """A trace by its name: steady, noon, diurnal, burst or batches."""
    rng = random.Random(f"{name}/{seed}")  # noqa: S311 - no secret
    makers = {
        "steady": partial(traces.steady, rate.steady_per_s),
        "noon": partial(traces.noon, rate.peak_per_s),
        "diurnal": partial(traces.diurnal, rate.peak_per_s),
        "burst": partial(traces.burst, rate.base_per_s),
        "batches": partial(traces.batches, _BATCH, _GAP_S),
    }
    return makers[name](rng)


def simulate(trace: Trace, parts: Sequence[Part], plan: Plan, times: Times, seed: int) -> Outcome:
    """One plan under one trace."""
    return World(trace, parts, plan, times, Assumed(rows=plans.ROWS), seed).run()


def judge(name: str, trace: Trace, plan: Plan, times: Times, seed: int) -> tuple[Row, Outcome]:
    """The row of one plan under one trace."""
    parts = plans.DOCUMENTS if trace.name == "batches" else plans.QUESTIONS
    outcome = simulate(trace, parts, plan, times, seed)
    return row(name, trace, outcome, plans.CORES), outcome


def best(tried: Sequence[tuple[Plan, Tried]]) -> Plan:
    """The cheapest of those under which, in no trace, 95 of 100 wait much longer than they must."""
    names = tried[0][1].wait_p95_s
    shortest = {name: min(found.wait_p95_s[name] for _, found in tried) for name in names}
    near = [
        one
        for one in tried
        if all(one[1].wait_p95_s[name] <= _NEAR * shortest[name] for name in names)
    ]
    return min(near, key=lambda one: one[1].core_h)[0]


def try_all(
    names: Sequence[str], candidates: Iterable[Plan], times: Times, seeds: Sequence[int]
) -> list[tuple[Plan, Tried]]:
    """Every candidate under each trace, as it is drawn with each of the seeds."""
    drawn = [(seed, trace(name, rates(times), seed)) for name in names for seed in seeds]
    return [
        (plan, _mean([judge("", one, plan, times, seed)[0] for seed, one in drawn], plan))
        for plan in candidates
    ]


def _mean(rows: Sequence[Row], plan: Plan) -> Tried:
    waits_s = {
        name: round(fmean(row.wait_p95_s for row in rows if row.trace == name), 1)
        for name in dict.fromkeys(row.trace for row in rows)
    }
    core_h = round(fmean(row.core_h for row in rows), 3)
    return Tried(plan=describe(plan), wait_p95_s=waits_s, core_h=core_h)


def describe(plan: Plan) -> str:
    """What sets a plan apart from the others that are tried, in a line."""
    return "; ".join(
        f"{name} {', '.join(f'{one.count} {one.target}' for one in scaled.triggers)}, "
        f"window {scaled.window_s}"
        + (f", polling {scaled.polling_s}, cooldown {scaled.cooldown_s}" * (scaled.least == 0))
        for name, scaled in plan.items()
        if name in {"generator", TRITON, "ingestor"}
    )


def stranded(times: Times) -> list[Stranded]:
    """A long document under triggers by lag alone, and with those by pending entries, too."""
    return [_long_document(times, counts) for counts in (("lag",), ("lag", "pending"))]


def _long_document(times: Times, counts: Sequence[Count]) -> Stranded:
    [part] = plans.DOCUMENTS
    begin = Trace("long", (60.0,), 2 * traces.HOUR_S)
    slow = replace(times.parts[part.name], levels=[Level(in_hand=1, per_s=1 / _LONG_S)])
    triggers = [Trigger(of=part.stream, count=count, target=part.slots) for count in counts]
    scaled = Scaled(least=0, most=8, triggers=triggers, cooldown_s=_SHORT_COOLDOWN_S)
    known = replace(times, parts={part.name: slow})
    outcome = simulate(begin, [part], {part.name: scaled}, known, seed=0)
    done_s = outcome.done_s.get(0)
    return Stranded(
        triggers=list(counts),
        left=sum(outcome.left.values()),
        done_after_s=done_s and round(done_s - begin.arrivals_s[0], 1),
    )
