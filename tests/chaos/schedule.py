"""Which fault comes when: decided by the seed alone. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of the schedule.

    Attributes:
        number: from 0.
        kind: which fault.
        pause_s: seconds between the beginning of the one before and this one's.
        dice: random numbers of this fault's own, so that its choices do not depend on how long
            the others took.
    """

    number: int
    kind: str
    pause_s: float
    dice: random.Random


def schedule(
    seed: int, count: int, kinds: Sequence[str], pauses_s: tuple[float, float]
) -> list[Planned]:
    """So many faults, each kind as often as the others, in an order of the seed's."""
    rng = random.Random(seed)  # noqa: S311 - a schedule, no secret
    rounds = (rng.sample(list(kinds), len(kinds)) for _ in cycle([None]))
    return [
        Planned(number, kind, rng.uniform(*pauses_s), random.Random(f"{seed}-{number}"))  # noqa: S311 - as above
        for number, kind in enumerate(islice(chain.from_iterable(rounds), count))
    ]
