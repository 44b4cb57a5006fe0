"""How fast a run goes and how long it will take. Pure: the clock comes in."""

from collections import deque
from collections.abc import Callable
from typing import Final

from services.cli.render import duration

_SEEN: Final = 60  # looks that the rate is taken over, so that it follows a change
_SLOW_PER_S: Final = 0.1  # below, "per minute" reads better


class Pace:
    """Counts what is done.

    Args:
        total: how much there is to do.
        done: how much of it was done before: it says nothing about the rate.
        clock: seconds, monotonic.
        look_every_s: seconds between two looks at the clock that are kept.

    Attributes:
        done: how much is done now.
    """

    def __init__(
        self, total: int, done: int, clock: Callable[[], float], look_every_s: float = 5.0
    ) -> None:
        self.done = done
        self._total = total
        self._clock = clock
        self._look_every_s = look_every_s
        self._seen = deque([(clock(), done)], maxlen=_SEEN)

    def add(self, count: int) -> None:
        """So many more are done."""
        self.done += count
        if self._clock() - self._seen[-1][0] >= self._look_every_s:
            self._seen.append((self._clock(), self.done))

    @property
    def per_s(self) -> float:
        """How many are done a second, of late; 0 where nothing is known yet."""
        since_s, done = self._seen[0]
        took_s = self._clock() - since_s
        return (self.done - done) / took_s if took_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """How long the rest will take at this rate; None where nothing is known yet."""
        return (self._total - self.done) / self.per_s if self.per_s > 0 else None

    def __str__(self) -> str:
        """As in `140 of 280, 2.3/s, 1 min left`."""
        words = [f"{self.done} of {self._total}"]
        if self.per_s:
            slow = self.per_s < _SLOW_PER_S
            words.append(f"{self.per_s * 60:.1f}/min" if slow else f"{self.per_s:.1f}/s")
        if self.left_s:
            words.append(f"{duration(self.left_s)} left")
        return ", ".join(words)
