"""How much waits for a worker's part, how much is in hand, and how old the oldest of it is."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics as m
from shared.metrics import Metrics
from shared.streams import Entry
from shared.telemetry import shorten

log = structlog.get_logger()

# Finished entries are deleted, so whatever lies in a stream waits or is in hand. The oldest entry's
# id is all that leaves the server: the entry itself may be megabytes of vectors.
_LOOK = """#!lua flags=no-writes
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local pending = redis.call('XPENDING', KEYS[1], ARGV[1])[1]
return {redis.call('XLEN', KEYS[1]), pending, first and first[1] or ''}
"""
_LONGEST_S = 2.0  # well within a scrape


class Backlog:
    """Looks at the streams that a worker reads.

    Args:
        redis: client that returns bytes.
        groups: (stream, group) pairs.
        metrics: where to tell.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        redis: Redis,
        groups: Sequence[tuple[str, str]],
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._script = redis.register_script(_LOOK)
        self._groups = groups
        self._metrics = metrics
        self._clock = clock

    async def look(self) -> None:
        """Tell what Redis says now, and nothing while it does not: an old number would lie."""
        try:
            async with asyncio.timeout(_LONGEST_S):
                for stream, group in self._groups:
                    await self._look_at(stream, group)
        except (RedisError, OSError) as exc:  # TimeoutError is one
            log.warning("backlog not seen", reason=shorten(f"{type(exc).__name__}: {exc}"))
            for metric in (m.LAG, m.PENDING, m.OLDEST):
                self._metrics.forget(metric)

    async def _look_at(self, stream: str, group: str) -> None:
        length, pending, first = await self._script(keys=[stream], args=[group])
        oldest_s = 0.0
        if first:
            published_ms = Entry(stream, bytes(first).decode()).published_ms
            oldest_s = max(0.0, self._clock() - published_ms / 1000)
        self._metrics.set(m.LAG, length - pending, stream=stream)
        self._metrics.set(m.PENDING, pending, stream=stream)
        self._metrics.set(m.OLDEST, oldest_s, stream=stream)
