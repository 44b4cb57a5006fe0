"""One server that its requests share evenly, at a speed that depends on how many there are."""

import heapq
import itertools
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence

from benchmarks.scaling.timeline import Timeline
from benchmarks.scaling.times import Level

Done = Callable[[], None]


def per_s(levels: Sequence[Level], in_hand: int) -> float:
    """Speed with so many in hand: between two measured levels in proportion, beyond them constant.

    Args:
        levels: measured, ascending, at least one.
        in_hand: above 0.
    """
    at = bisect_left(levels, in_hand, key=lambda level: level.in_hand)
    if at == len(levels):
        return levels[-1].per_s
    above = levels[at]
    if at == 0 or above.in_hand == in_hand:
        return above.per_s
    below = levels[at - 1]
    share = (in_hand - below.in_hand) / (above.in_hand - below.in_hand)
    return below.per_s + share * (above.per_s - below.per_s)


class Sharing:
    """Works on up to `rows` requests at once; more wait, first come, first served.

    Args:
        timeline: its time.
        levels: its speed.
        rows: how many it works on at once.
    """

    def __init__(self, timeline: Timeline, levels: Sequence[Level], rows: int) -> None:
        self._timeline, self._rows = timeline, rows
        self._speed = [0.0] + [per_s(levels, n) / n for n in range(1, rows + 1)]
        self._waiting: deque[tuple[float, Done]] = deque()
        self._running: list[tuple[float, int, Done]] = []  # by the share at which each is done
        self._number = itertools.count()
        self._had = self._since_s = 0.0  # work that each had who was there all the time
        self._plan = 0

    @property
    def waiting(self) -> int:
        """Requests without a row."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Requests in a row."""
        return len(self._running)

    def add(self, work: float, done: Done) -> None:
        """Take a request of so much work, in mean requests; call `done` when it is finished."""
        self._advance()
        self._waiting.append((work, done))
        self._go_on()

    def _advance(self) -> None:
        passed_s = self._timeline.now_s - self._since_s
        self._had += passed_s * self._speed[len(self._running)]
        self._since_s = self._timeline.now_s

    def _go_on(self) -> None:
        while self._waiting and len(self._running) < self._rows:
            work, done = self._waiting.popleft()
            heapq.heappush(self._running, (self._had + work, next(self._number), done))
        self._plan += 1
        if self._running:
            left = max(0.0, self._running[0][0] - self._had)
            plan, wait_s = self._plan, left / self._speed[len(self._running)]
            self._timeline.after(wait_s, lambda: self._finish(plan))

    def _finish(self, plan: int) -> None:
        if plan != self._plan:  # somebody came or went since
            return
        self._advance()
        self._had, _, done = heapq.heappop(self._running)
        self._go_on()
        done()
