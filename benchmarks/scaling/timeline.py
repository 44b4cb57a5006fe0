"""Simulated time: what is to happen, in its order."""

import heapq
import itertools
from collections.abc import Callable


class Timeline:
    """Acts at times; what falls on the same moment happens in the order it was asked for."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._number = itertools.count()
        self._coming: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Act once, `delay_s` seconds from now."""
        heapq.heappush(self._coming, (self.now_s + delay_s, next(self._number), act))

    def every(self, period_s: float, act: Callable[[], None], first_s: float = 0.0) -> None:
        """Act again and again, first `first_s` seconds from now."""

        def again() -> None:
            act()
            self.after(period_s, again)

        self.after(first_s, again)

    def run(self, until_s: float) -> None:
        """Let everything happen up to a time."""
        while self._coming and self._coming[0][0] <= until_s:
            self.now_s, _, act = heapq.heappop(self._coming)
            act()
        self.now_s = until_s
