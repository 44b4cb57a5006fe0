"""The search indexes of the generations: which one is active, made, found and restored."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import redis.exceptions as redis_errors
from numpy.typing import NDArray
from redis.asyncio import Redis

from services.retriever import search
from services.retriever.search import VECTORS, VectorIndex
from shared import generations
from shared.embedders import Embedders
from shared.errors import OutdatedIndex, UnknownCollection
from shared.generations import FIRST, REBUILD, SCHEMA, UNKNOWN, Generation, Generations
from shared.messages import Query
from shared.redis import told
from shared.streams import Namespace

_LOOK_EVERY_S = 0.02
_SAME = 0.99  # cosine of two vectors of one text by one model, on whatever machine


async def active(redis: Redis, names: Namespace, embedders: Embedders, query: Query) -> Generation:
    """The generation that is searched now.

    Raises:
        UnknownCollection: nothing was ever ingested at all.
        OutdatedIndex: the index was made by another version of ragstream.
        Outage, Overloaded: see `known`.
    """
    if (found := (await known(redis, names, embedders)).active) is None:
        raise UnknownCollection(f"no document was ever ingested into collection {query.collection}")
    generations.check_schema(found)
    return found


async def known(redis: Redis, names: Namespace, embedders: Embedders) -> Generations:
    """The generations; an index from before there were any becomes the first one.

    Nothing in it changes by that, so that workers of the release before may go on with it. What
    nobody wrote down is its model: it has to be the one that Triton serves, by the look of a chunk.

    Raises:
        OutdatedIndex: its vectors are of another model.
        Outage, Overloaded: of Triton, which is asked for that chunk's vector.
    """
    there = await present(redis, names)
    if there.active != UNKNOWN:
        return there
    if not await redis.hexists(names.generations, str(FIRST)):  # else somebody is just at it
        model, dim = await _recognised(redis, names, embedders)
        await _note(redis, names, Generation(number=FIRST, schema=SCHEMA, model=model, dim=dim))
    await _begin(redis, names)
    return await generations.read(redis, names)


async def _recognised(redis: Redis, names: Namespace, embedders: Embedders) -> tuple[str, int]:
    """The model that is served, and the length of its vectors, if the index is of it."""
    model = await embedders.chosen(None)
    text, vector = await _sample(redis, names)
    [made] = await embedders.vectors([text], model, bulk=True)
    if vector is not None and not (len(vector) == len(made) and float(vector @ made) > _SAME):
        raise OutdatedIndex(
            f"the index is from before ragstream noted the model, and not of {model}: {REBUILD}"
        )
    return model, len(made)


async def _sample(redis: Redis, names: Namespace) -> tuple[str, NDArray[np.float32] | None]:
    """Any chunk of the first generation: its text and its vector [dim], None if there is none."""
    command = ("FT.SEARCH", names.search_index(FIRST), "*", "NOCONTENT", "LIMIT", 0, 1)
    _, *keys = await redis.execute_command(*command)
    found: Any = await redis.hmget(keys[0], ["text", "embedding"]) if keys else [None, None]
    text, packed = found
    if text is None or packed is None:
        return "how long?", None
    return text.decode(), np.frombuffer(packed, "<f4")


async def present(redis: Redis, names: Namespace) -> Generations:
    """The generations, with an index from before there were any as the active one."""
    there = await generations.read(redis, names)
    if there.active is None and await exists(redis, names, FIRST):
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

    """
    await _note(redis, names, Generation(number=FIRST, schema=SCHEMA, model=model, dim=dim))
    await _begin(redis, names, vectors)


async def _note(redis: Redis, names: Namespace, mine: Generation) -> None:
    await redis.hsetnx(names.generations, *generations.facts(mine))


async def _begin(redis: Redis, names: Namespace, vectors: VectorIndex = VECTORS) -> None:
    """Search the first generation, as it was noted, from now on."""
    key, field = names.generations, str(FIRST)
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
