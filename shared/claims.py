"""Claims on entries: kept while their worker lives, handed back when it stops."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.consumers import forget_gone
from shared.streams import Entry
from shared.tasks import ended

log = structlog.get_logger()

# Sets how long a claim counts as idle and how often it was delivered, only while it is still ours:
# a worker that was frozen must not steal it back. It needs no memory, and a claim that lapsed
# because memory was full would count as a worker's death.
_REFRESH = """#!lua flags=allow-oom
local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not held[1] or held[1][2] ~= ARGV[2] then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3],
           'IDLE', ARGV[4], 'RETRYCOUNT', held[1][4] + ARGV[5], 'JUSTID')
return 1
"""

_GONE = 10  # visibility time-outs of silence after which a consumer counts as gone


class Claims:
    """One worker's claims.

    Args:
        redis: client that returns bytes.
        consumer: this worker's name in its groups.
        visibility_timeout_ms: idle time after which others may claim our entries.
    """

    def __init__(self, redis: Redis, consumer: str, visibility_timeout_ms: int) -> None:
        self._redis = redis
        self._consumer = consumer
        self._visible_ms = visibility_timeout_ms
        self._refresh = redis.register_script(_REFRESH)

    async def counted(self, group: str, entry: Entry) -> Entry:
        """The entry with the number of times that it was delivered."""
        rows = await self._redis.xpending_range(entry.stream, group, entry.id, entry.id, 1)
        return replace(entry, deliveries=int(rows[0]["times_delivered"])) if rows else entry

    @asynccontextmanager
    async def kept(self, group: str, entry: Entry) -> AsyncIterator[None]:
        """Keep others from claiming an entry while the block runs."""
        beat = asyncio.create_task(self._keep(group, entry))
        try:
            yield
        finally:
            await ended([beat])

    @asynccontextmanager
    async def swept(self, groups: Sequence[tuple[str, str]]) -> AsyncIterator[None]:
        """Keep (stream, group) pairs free of consumers that are gone while the block runs."""
        sweeper = asyncio.create_task(self._sweep(groups))
        try:
            yield
        finally:
            await ended([sweeper])

    async def _sweep(self, groups: Sequence[tuple[str, str]]) -> None:
        gone_ms = _GONE * self._visible_ms
        while True:
            for stream, group in groups:
                with suppress(RedisError):  # an outage, or a group that is made anew: next time
                    if count := await forget_gone(self._redis, stream, group, gone_ms):
                        log.info("forgot consumers that are gone", stream=stream, count=count)
            await asyncio.sleep(gone_ms / 1000)

    async def hand_back(self, group: str, entry: Entry) -> None:
        """Let another worker claim an entry at once, if it is still ours.

        This delivery is not counted: nobody failed.
        """
        with suppress(RedisError):  # then it is claimed after its time-out
            await self._set(group, entry, idle_ms=self._visible_ms, count=-1)

    async def _keep(self, group: str, entry: Entry) -> None:
        while True:
            await asyncio.sleep(self._visible_ms / 3000)
            with suppress(RedisError):  # an outage: the commit will meet it
                await self._set(group, entry, idle_ms=0, count=0)

    async def _set(self, group: str, entry: Entry, *, idle_ms: int, count: int) -> None:
        arguments: list[str | int] = [group, self._consumer, entry.id, idle_ms, count]
        await self._refresh(keys=[entry.stream], args=arguments)
