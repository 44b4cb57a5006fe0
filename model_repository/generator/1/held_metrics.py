"""Metrics kept in this process and told to Triton now and then. Pure.

A word to Triton is a round trip between processes, while the processors wait: six of them for each
token took 1 to 2 % of the time that a small model needs for it.
"""

import time
from collections.abc import Callable
from typing import Protocol

TELL_EVERY_S = 0.5


class Metric(Protocol):
    """What Triton shows."""

    def increment(self, value: float) -> None:
        """Add to a counter."""

    def set(self, value: float) -> None:
        """Say where a gauge stands."""


class HeldMetrics:
    """What was counted since Triton was told, and where gauges stand.

    Args:
        clock: seconds, monotonic.
        every_s: between two times that Triton is told while there is work.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, every_s: float = TELL_EVERY_S
    ) -> None:
        self._clock, self._every_s = clock, every_s
        self._told_s = clock()
        self._counted: dict[Metric, float] = {}
        self._stands: dict[Metric, float] = {}
        self._shown: dict[Metric, float] = {}

    def add(self, counter: Metric, value: float) -> None:
        """Count on."""
        self._counted[counter] = self._counted.get(counter, 0.0) + value

    def set(self, gauge: Metric, value: float) -> None:
        """Say where a gauge stands."""
        self._stands[gauge] = value

    def tell(self, *, now: bool) -> None:
        """Tell Triton what is new, if it is time to.

        Args:
            now: whether it is time in any case: nothing runs, so nothing waits for it.
        """
        if not now and self._clock() < self._told_s + self._every_s:
            return
        self._told_s = self._clock()
        for counter, value in self._counted.items():
            counter.increment(value)
        self._counted.clear()
        for gauge, value in self._stands.items():
            if self._shown.get(gauge) != value:
                gauge.set(value)
        self._shown |= self._stands
