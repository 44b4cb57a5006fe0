"""Redis itself, for the commands that look into the streams."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from services.cli import connect
from services.cli.session import Session
from shared import redis
from shared.streams import Namespace


@asynccontextmanager
async def opened(session: Session) -> AsyncIterator[tuple[Redis, Namespace]]:
    """A client of the Redis that is meant, and the names of its keys.

    Raises:
        StackNotRunning: there is none.
        RedisUnavailable, RedisRefused: at its first command.
    """
    address = connect.find(session.folder(), session.environ)
    client = redis.connect(address.redis_url, address.password)
    try:
        with redis.told():
            yield client, Namespace(address.namespace)
    finally:
        await client.aclose()
