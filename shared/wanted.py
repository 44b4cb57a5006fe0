"""Whether anybody still waits for an answer: asked before each expensive step and during it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.errors import Cancelled, Expired
from shared.messages import Query
from shared.streams import Namespace
from shared.tasks import ended


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
        look_every_s: float = 0.5,
    ) -> None:
        self._redis = redis
        self._names = names
        self._clock = clock
        self._look_every_s = look_every_s
        self._watched: Counter[str] = Counter()  # keys that mark a cancellation
        self._look: asyncio.Task[bool] | None = None

    async def check(self, query: Query, accepted_ms: int) -> None:
        """Look once, unless the query is as young as two looks are apart.

        To notice a cancellation may take as long anyway, and the generator, whose step is the long
        one, looks as soon as it begins (`during`).

        Raises:
            Expired: the query's deadline has passed.
            Cancelled: its publisher took it back.
            redis.exceptions.RedisError: Redis could not be asked.
        """
        self._check_deadline(query, accepted_ms)
        # below 0 is a clock that is behind Redis's: how old the query is cannot be told
        if not 0 <= self._age_ms(accepted_ms) < self._look_every_s * 1000:
            await self._check_mark(query)

    async def _check_mark(self, query: Query) -> None:
        if await self._redis.exists(self._names.cancelled(query.id)):
            raise Cancelled("its publisher cancelled it")

    def _age_ms(self, accepted_ms: int) -> int:
        return int(self._clock() * 1000) - accepted_ms

    def _check_deadline(self, query: Query, accepted_ms: int) -> None:
        if query.deadline_ms is not None:
            late_ms = self._age_ms(accepted_ms) - query.deadline_ms
            if late_ms >= 0:
                raise Expired(f"its deadline passed {late_ms} ms ago")

    @asynccontextmanager
    async def during(self, query: Query, accepted_ms: int) -> AsyncIterator[None]:
        """End the block as soon as nobody waits; looked for at once, while it begins, and on.

        Raises:
            Expired, Cancelled, RedisError: see `check`; what the block awaited was cancelled.
        """
        self._check_deadline(query, accepted_ms)  # a block that never waits meets no watcher
        task = asyncio.current_task()
        watcher = asyncio.create_task(self._watch(query, accepted_ms))
        if task is not None:
            watcher.add_done_callback(lambda done: done.cancelled() or task.cancel())
        try:
            try:
                yield
            finally:
                await ended([watcher])
        except asyncio.CancelledError:
            if task is None or not _failed(watcher):
                raise
            task.uncancel()
            await watcher  # raises what ended it

    async def _watch(self, query: Query, accepted_ms: int) -> None:
        key = self._names.cancelled(query.id)
        self._watched[key] += 1
        try:
            await self._check_mark(query)
            while True:
                self._check_deadline(query, accepted_ms)
                if await self._any_cancelled():
                    with suppress(RedisError):  # an outage: the commit will meet it
                        await self._check_mark(query)
        finally:
            self._watched -= Counter([key])

    async def _any_cancelled(self) -> bool:
        """Wait for the next look at all queries that are watched: one command for all of them."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_soon())
        return await asyncio.shield(self._look)

    async def _look_soon(self) -> bool:
        await asyncio.sleep(self._look_every_s)
        with suppress(RedisError):  # an outage: the commit will meet it
            return bool(self._watched and await self._redis.exists(*self._watched))
        return False


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
