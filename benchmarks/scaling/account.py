"""What a simulated trace comes to: waits, backlog, replicas, cost. Pure."""

import math
from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.scaling.traces import BURST_AT_S, BURST_S, Trace
from benchmarks.scaling.world import Outcome


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One plan under one trace.

    Attributes:
        plan: its name.
        trace: its name.
        entries: that came.
        left: that were not done at the end.
        wait_p50_s: from coming to being done, work included, of the middle one.
        wait_p95_s: of the 95th of 100.
        drained_s: from the burst's begin until the last of its questions is done; 0 without one.
        most_waiting: entries in all streams, at their most.
        most_replicas: by part.
        replica_h: hours of pods, by part.
        core_h: the same as cores that they request.
    """

    plan: str
    trace: str
    entries: int
    left: int
    wait_p50_s: float
    wait_p95_s: float
    drained_s: float
    most_waiting: int
    most_replicas: dict[str, int]
    replica_h: dict[str, float]
    core_h: float


def row(plan: str, trace: Trace, outcome: Outcome, cores: Mapping[str, float]) -> Row:
    """The row of the table."""
    waits = sorted(done - outcome.came_s[at] for at, done in outcome.done_s.items())
    hours = {name: spent / 3600 for name, spent in sorted(outcome.replica_s.items())}
    return Row(
        plan=plan,
        trace=trace.name,
        entries=len(trace.arrivals_s),
        left=sum(outcome.left.values()),
        wait_p50_s=round(quantile(waits, 0.5), 1),
        wait_p95_s=round(quantile(waits, 0.95), 1),
        drained_s=round(_drained_s(outcome), 1) if trace.name == "burst" else 0.0,
        most_waiting=max(backlog for _, backlog, _ in outcome.samples),
        most_replicas={name: max(counts[name] for *_, counts in outcome.samples) for name in hours},
        replica_h={name: round(spent, 2) for name, spent in hours.items()},
        core_h=round(sum(cores[name] * spent for name, spent in hours.items()), 2),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed; 0 for none at all."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _drained_s(outcome: Outcome) -> float:
    """Of a burst whose questions are not all done it is infinite."""
    of_it = [
        outcome.done_s.get(number, math.inf)
        for number, came_s in enumerate(outcome.came_s)
        if BURST_AT_S <= came_s < BURST_AT_S + BURST_S
    ]
    return max(of_it, default=BURST_AT_S) - BURST_AT_S
