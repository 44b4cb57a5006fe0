"""A query's own stream of tokens, for those who want to read along."""

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
        retention_s: seconds the stream is kept after its last event.
    """

    def __init__(self, redis: Redis, names: Namespace, query: Query, retention_s: int) -> None:
        self._redis = redis
        self._key = names.tokens(query.id)
        self._wanted = query.stream
        self._retention_s = retention_s

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
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.xadd(self._key, {DATA: encode_json(event)})
            pipe.expire(self._key, self._retention_s)
            await pipe.execute()
