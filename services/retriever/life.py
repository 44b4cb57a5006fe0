"""The search indexes of the generations: which one is active, made, found and restored."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import redis.exceptions as redis_errors
from redis.asyncio import Redis

from services.retriever import search
from services.retriever.search import VECTORS, VectorIndex
from shared import generations
from shared.errors import UnknownCollection
from shared.generations import SCHEMA, UNKNOWN, Generation, Generations
from shared.messages import Query
from shared.redis import told
from shared.streams import Namespace

_LOOK_EVERY_S = 0.02


async def active(redis: Redis, names: Namespace, query: Query) -> Generation:
    """The generation that is searched now.

    Raises:
        UnknownCollection: nothing was ever ingested at all.
        OutdatedIndex: the index was made by another version of ragstream.
    """
    if (found := (await present(redis, names)).active) is None:
        raise UnknownCollection(f"no document was ever ingested into collection {query.collection}")
    generations.check_schema(found)
    return found


async def present(redis: Redis, names: Namespace) -> Generations:
    """The generations, with an index from before there were any as the active one."""
    there = await generations.read(redis, names)
    if there.active is None and await exists(redis, names, 0):
        return replace(there, active=UNKNOWN)
    return there


async def ensure(
    redis: Redis, names: Namespace, model: str, dim: int, vectors: VectorIndex = VECTORS
) -> None:
    """Make the first generation if there is none.

    Whoever comes first says what it is; a worker that dies in between has said it already, and the
    next one goes on.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        model: id of the model of the vectors that are to be written.
        dim: their length.
        vectors: how the index keeps them.

    Raises:
        OutdatedIndex: there is one from before there were generations.
    """
    if older := (await present(redis, names)).active:
        generations.check_schema(older)
    mine = Generation(number=1, schema=SCHEMA, model=model, dim=dim)
    key, (field, value) = names.generations, generations.facts(mine)
    await redis.hsetnx(key, field, value)
    said: Any = await redis.hget(key, field)
    await create(redis, names, msgspec.json.decode(said, type=Generation), vectors)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hsetnx(key, "last", field)
        pipe.hsetnx(key, "active", field)
        await pipe.execute()


async def create(
    redis: Redis, names: Namespace, generation: Generation, vectors: VectorIndex = VECTORS
) -> None:
    """Create a generation's search index if it is missing, and let its first look at all keys end.

    What is written meanwhile would be counted twice in the weights of words, until RediSearch
    cleans up.
    """
    try:
        await redis.execute_command(*search.create_index(names, generation, vectors))
    except redis_errors.ResponseError as exc:
        if "already exists" not in str(exc).lower():
            raise
    else:
        while int((await info(redis, names, generation.number))[b"indexing"]):  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(_LOOK_EVERY_S)


async def restore(redis: Redis, names: Namespace) -> None:
    """Create the active generation's search index where it was lost: it fills itself from the keys.

    Raises:
        RedisUnavailable, RedisRefused, MissingSearchModule: Redis is not as it must be.
    """
    with told():
        found = (await generations.read(redis, names)).active
        if found and found.schema == SCHEMA:
            await create(redis, names, found)


async def exists(redis: Redis, names: Namespace, number: int) -> bool:
    """Whether a generation has a search index."""
    known: Any = await redis.execute_command("FT._LIST")
    return names.search_index(number).encode() in known


async def info(redis: Redis, names: Namespace, number: int) -> dict[bytes, Any]:
    """FT.INFO of a generation's search index (RESP2: names and values in turn)."""
    said: list[Any] = await redis.execute_command("FT.INFO", names.search_index(number))
    return dict(zip(said[::2], said[1::2], strict=False))
