"""Whether anybody still waits for an answer: asked before each expensive step and during it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.errors import Cancelled, Expired
from shared.messages import Query
from shared.streams import Namespace


class Wanted:
    """Looks at a query's deadline and at its mark of cancellation.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        clock: seconds since the epoch.
        look_every_s: seconds between two looks while a step runs.
    """

    def __init__(
        self,
        redis: Redis,
        names: Namespace,
        clock: Callable[[], float] = time.time,
        look_every_s: float = 0.1,
    ) -> None:
        self._redis = redis
        self._names = names
        self._clock = clock
        self._look_every_s = look_every_s

    async def check(self, query: Query, accepted_ms: int) -> None:
        """Look once.

        Raises:
            Expired: the query's deadline has passed.
            Cancelled: its publisher took it back.
            redis.exceptions.RedisError: Redis could not be asked.
        """
        if query.deadline_ms is not None:
            late_ms = int(self._clock() * 1000) - accepted_ms - query.deadline_ms
            if late_ms >= 0:
                raise Expired(f"its deadline passed {late_ms} ms ago")
        if await self._redis.exists(self._names.cancelled(query.id)):
            raise Cancelled("its publisher cancelled it")

    @asynccontextmanager
    async def during(self, query: Query, accepted_ms: int) -> AsyncIterator[None]:
        """End the block as soon as nobody waits.

        Raises:
            Expired, Cancelled: see `check`; what the block awaited was cancelled.
        """
        task = asyncio.current_task()
        watcher = asyncio.create_task(self._watch(query, accepted_ms))
        if task is not None:
            watcher.add_done_callback(lambda done: done.cancelled() or task.cancel())
        try:
            yield
        except asyncio.CancelledError:
            if task is None or not _failed(watcher):
                raise
            task.uncancel()
            await watcher  # raises what ended it
        finally:
            watcher.cancel()

    async def _watch(self, query: Query, accepted_ms: int) -> None:
        while True:
            with suppress(RedisError):  # an outage: the commit will meet it
                await self.check(query, accepted_ms)
            await asyncio.sleep(self._look_every_s)


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
