"""Whether Redis's memory stays flat, however many questions were answered before."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from shared.streams import DATA
from tests.chaos.ledger import NAMES
from tests.chaos.publishing import question
from tests.chaos.stack import ChaosStack

RETENTION_S: Final = 60  # the shortest that settings allow
SETTINGS: Final = {
    "RAGSTREAM_QUERY_RETENTION_S": str(RETENTION_S),
    "RAGSTREAM_ANSWER_RETENTION_S": str(RETENTION_S),
    "RAGSTREAM_TOKENS_RETENTION_S": "10",
    "RAGSTREAM_GENERATOR_ANSWER_TOKENS": "2",
    "RAGSTREAM_LOG_LEVEL": "WARNING",
}
_IN_FLIGHT = 400
_PIECE = 50
_POLL_S = 0.1
_OWN_KEYS = 2  # its token stream, and that it was taken in
_TOLD_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Use:
    """What Redis held when all was answered and all that expires had expired.

    Attributes:
        answered: questions by then.
        used_bytes: `used_memory`: what its allocator had given out. What the system had given to
            the allocator (`used_memory_rss`) also counts free pages and holes, which come back
            with MEMORY PURGE or never; they are no leak and are not looked at.
        keys: in the database.
    """

    answered: int
    used_bytes: int
    keys: int


class Flood:
    """Publishes questions as fast as they are answered.

    Args:
        stack: with workers that have `SETTINGS`.
        report: gets a line now and then.
    """

    def __init__(self, stack: ChaosStack, report: Callable[[str], None]) -> None:
        self._stack = stack
        self._redis: Any = stack.direct  # redis-py thinks that replies may be None
        self._report = report
        self._published = 0

    async def answer(self, total: int) -> Use:
        """Go on until so many questions were published and answered, and look at the memory."""
        while self._published < total:
            answered = await self._answered()
            if (room := _IN_FLIGHT - (self._published - answered)) >= _PIECE:
                await self._publish(min(room, total - self._published))
            else:
                await asyncio.sleep(_POLL_S)
        while await self._answered() < total:  # noqa: ASYNC110 - other processes send no event
            await asyncio.sleep(_POLL_S)
        return await self._settled()

    async def _publish(self, count: int) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for number in range(self._published, self._published + count):
                pipe.xadd(NAMES.queries, {DATA: question(f"m-{number}", number).payload})
            await pipe.execute()
        before, self._published = self._published, self._published + count
        if before // _TOLD_EVERY != self._published // _TOLD_EVERY:
            info = await self._redis.info("memory")
            self._report(f"{self._published} published, {info['used_memory']} bytes used")

    async def _answered(self) -> int:
        """Answers ever given, those included that were trimmed."""
        if not await self._redis.exists(NAMES.answers):
            return 0
        return int((await self._redis.xinfo_stream(NAMES.answers))["entries-added"])

    async def _settled(self) -> Use:
        """The same state after any number: answers are trimmed as new ones come, so one comes."""
        answered = await self._answered()
        await asyncio.sleep(RETENTION_S + 1)
        await self._publish(1)
        # till none is left but this question's own; Redis sends no event that could be relied on
        while await self._answered() == answered or await self._expiring() > _OWN_KEYS:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        info = await self._redis.info("memory")
        return Use(answered, int(info["used_memory"]), int(await self._redis.dbsize()))

    async def _expiring(self) -> int:
        """Keys that are going to expire and have not yet."""
        keyspace = await self._redis.info("keyspace")
        return int(keyspace.get("db0", {}).get("expires", 0))
