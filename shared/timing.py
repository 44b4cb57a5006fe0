"""How long an entry waited and how long its stage worked on it."""

import time
from collections.abc import Callable

from shared.messages import StageTiming
from shared.streams import Entry


class Stopwatch:
    """Started when a stage takes an entry in hand.

    Args:
        entry: its id tells when it was published, by Redis's clock.
        clock: seconds since the epoch; a clock behind Redis's shows as a wait of 0.
        ticks: seconds on a clock that never goes back.
    """

    def __init__(
        self,
        entry: Entry,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._queue_ms = max(0.0, clock() * 1000 - entry.published_ms)
        self._ticks = ticks
        self._began = ticks()

    def read(self, *, elsewhere: StageTiming | None = None) -> StageTiming:
        """Milliseconds waited and worked until now, to a hundredth.

        Args:
            elsewhere: a part of it that is told on its own.
        """
        told_ms = elsewhere.work if elsewhere else 0.0
        work_ms = max(0.0, (self._ticks() - self._began) * 1000 - told_ms)
        return StageTiming(queue=round(self._queue_ms, 2), work=round(work_ms, 2))
