"""A query's own stream of tokens, for those who want to read along."""

import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from shared.messages import Message, Query, Started, Token, encode_json
from shared.streams import DATA, Namespace


class TokenStream:
    """Publishes pieces of the answer while they come; does nothing unless the query asks.

    These events are a courtesy: they may repeat after a crash (a Started voids what came
    before), and only the Answer counts.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        query: whose answer is written.
        retention_s: seconds the stream is kept after its last event, at least half as many if no
            Answer comes.
        ticks: seconds on a clock that never goes back.
    """

    def __init__(
        self,
        redis: Redis,
        names: Namespace,
        query: Query,
        retention_s: int,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._key = names.tokens(query.id)
        self._wanted = query.stream
        self._retention_s = retention_s
        self._ticks = ticks
        self._renew_s = 0.0  # when its time is to be set anew

    async def start(self, attempt: int) -> None:
        """The model begins to write; `attempt` counts from 1."""
        await self._publish(Started(attempt=attempt))

    async def add(self, text: str) -> None:
        """The model wrote this much more."""
        if text:
            await self._publish(Token(text=text))

    async def _publish(self, event: Message) -> None:
        if not self._wanted:
            return
        fields: Any = {DATA: encode_json(event)}  # redis-py types no mapping of bytes alone
        if (now_s := self._ticks()) < self._renew_s:
            await self._redis.xadd(self._key, fields)
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.xadd(self._key, fields)
            pipe.expire(self._key, self._retention_s)  # not with each token: it costs as much
            await pipe.execute()
        self._renew_s = now_s + self._retention_s / 2
