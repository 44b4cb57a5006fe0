"""When questions come: Poisson arrivals at a changing rate, the same for the same seed. Pure."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

DAY_S, HOUR_S = 86_400.0, 3_600.0
BURST_AT_S, BURST_S, BURST_TIMES = 600.0, 300.0, 100.0


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrivals.

    Attributes:
        name: as in the table.
        arrivals_s: ascending.
        until_s: the end, after the last of them.
    """

    name: str
    arrivals_s: tuple[float, ...]
    until_s: float


def poisson(
    rate: Callable[[float], float], most_per_s: float, until_s: float, rng: random.Random
) -> tuple[float, ...]:
    """Arrivals at `rate(s)` a second, which is nowhere above `most_per_s` (thinning)."""
    found, at_s = [], 0.0
    while (at_s := at_s + rng.expovariate(most_per_s)) < until_s:
        if rng.random() * most_per_s < rate(at_s):
            found.append(at_s)
    return tuple(found)


def steady(per_s: float, rng: random.Random) -> Trace:
    """The same rate for two hours."""
    until_s = 2 * HOUR_S
    return Trace("steady", poisson(lambda _: per_s, per_s, until_s, rng), until_s)


def noon(per_s: float, rng: random.Random) -> Trace:
    """The day's peak for an hour."""
    until_s = HOUR_S
    return Trace("noon", poisson(lambda _: per_s, per_s, until_s, rng), until_s)


def diurnal(most_per_s: float, rng: random.Random) -> Trace:
    """A day: a twentieth of the peak at night, the peak at noon."""

    def rate(at_s: float) -> float:
        height = (1 - math.cos(2 * math.pi * at_s / DAY_S)) / 2
        return most_per_s * (0.05 + 0.95 * height)

    return Trace("diurnal", poisson(rate, most_per_s, DAY_S, rng), DAY_S)


def burst(base_per_s: float, rng: random.Random) -> Trace:
    """Two hours of little, and after ten minutes five of a hundred times as much."""

    def rate(at_s: float) -> float:
        inside = BURST_AT_S <= at_s < BURST_AT_S + BURST_S
        return base_per_s * (BURST_TIMES if inside else 1)

    until_s = 2 * HOUR_S
    return Trace("burst", poisson(rate, base_per_s * BURST_TIMES, until_s, rng), until_s)


def batches(each: int, gap_s: float, rng: random.Random) -> Trace:
    """A working day of documents: batches of up to `each`, a mean of `gap_s` apart."""
    found, at_s = [], 0.0
    while (at_s := at_s + rng.expovariate(1 / gap_s)) < DAY_S / 3:
        found += [at_s + number * 0.05 for number in range(rng.randint(1, each))]
    return Trace("batches", tuple(sorted(found)), DAY_S / 3 + HOUR_S)
