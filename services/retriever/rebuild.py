"""A new generation of the index: every document embedded anew, while searches go on.

All that a rebuild knows stands in Redis, so that one that was killed is gone on with:

1. `next` is set. From here on, whoever writes or removes a document adds it to the set `reembed`.
2. All documents that are there are added to that set; then `listed` is set.
3. Document after document is embedded and written to the next generation (filling.py).
4. In one transaction, only while the set is empty, `next` becomes `active`, and what was, `old`.
5. The old search index and, in pages, its chunks are removed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from services.embedder.batching import Batcher
from services.retriever import life
from services.retriever.filling import Filling, Told, check, list_documents
from shared import generations
from shared.delivery import RetryPolicy
from shared.documents import pages
from shared.embedders import Embedders
from shared.errors import (
    OtherEmbedder,
    OutdatedIndex,
    RebuildRunning,
    Transient,
    TritonUnavailable,
)
from shared.generations import SCHEMA, UNKNOWN, Generation, Generations
from shared.streams import Namespace
from shared.tasks import ended
from shared.triton import EMBEDDER, EMBEDDER_NEXT

T = TypeVar("T")
HELD_S = 15.0
BATCH_TOKENS = 4_096  # as RAGSTREAM_EMBEDDER_BATCH_TOKENS: a question waits for one request at most


@asynccontextmanager
async def held(redis: Redis, names: Namespace) -> AsyncIterator[None]:
    """Be the one rebuild at work while the block runs; one that was killed counts for HELD_S more.

    It saves work: two at once would write the same.

    Raises:
        RebuildRunning: there is another one.
    """
    lock = redis.lock(names.rebuilding, timeout=HELD_S)
    if not await lock.acquire(blocking=False):
        raise RebuildRunning(
            "another `ragstream index rebuild` is at work; one that was killed counts as such "
            f"for {HELD_S:g} s: try again then"
        )

    async def keep() -> None:
        while True:
            await asyncio.sleep(HELD_S / 3)
            await lock.reacquire()

    beat = asyncio.create_task(keep())
    try:
        yield
    finally:
        await ended([beat])
        if await lock.owned():
            await lock.release()


async def begin(redis: Redis, names: Namespace, embedders: Embedders) -> Generation | None:
    """Set `next`, or find the one that an earlier rebuild has set.

    Its model is `embedder_next` where Triton serves one, else `embedder`.

    Returns:
        None where there is nothing to do: the index is of that model and of this schema, or there
        is none.

    Raises:
        OtherEmbedder: a rebuild was begun with a model that Triton does not serve any more.
        OutdatedIndex: it was begun by a newer ragstream.
    """
    with suppress(OutdatedIndex):
        await life.known(redis, names, embedders)
    served = await embedders.served()

    async def set_next(pipe: Pipeline) -> Generation | None:
        there = await life.present(pipe, names)
        if there.next is not None:
            return _begun(there.next, served)
        following = await _following(there, served, embedders)
        if following and there.active:
            field, said = generations.facts(following)
            # `active` is not noted yet for an index from before there were generations
            active = str(there.active.number)
            pipe.multi()
            noted: dict[Any, Any] = {field: said, "next": field, "last": field, "active": active}
            pipe.hset(names.generations, mapping=noted)
        return following

    return await _change(redis, set_next, names.generations)


def _begun(following: Generation, served: Mapping[str, str]) -> Generation:
    """The generation that an earlier rebuild has begun, if it can be gone on with."""
    generations.check_schema(following)
    if following.model not in served.values():
        raise OtherEmbedder(
            f"a rebuild with {following.model} was begun, and Triton serves "
            f"{' and '.join(served.values())}: let it serve that model again, or give the "
            "rebuild up with `ragstream index rebuild --abandon`"
        )
    return following


async def _following(
    there: Generations, served: Mapping[str, str], embedders: Embedders
) -> Generation | None:
    """The generation that is to come, None where the one that is searched is as it should be."""
    model, active = served.get(EMBEDDER_NEXT, served[EMBEDDER]), there.active
    if active is None or (active.model, active.schema) == (model, SCHEMA):
        return None
    dim = (await embedders.vectors(["how long?"], model, bulk=True)).shape[1]
    return Generation(number=there.last + 1, schema=SCHEMA, model=model, dim=dim)


async def _change(redis: Redis, change: Callable[[Pipeline], Awaitable[T]], *watched: str) -> T:
    """Look and then change in one transaction, begun anew where one of these keys has changed."""
    said: Any = await redis.transaction(change, *watched, value_from_callable=True)
    return cast("T", said)


async def prepare(redis: Redis, names: Namespace, generation: Generation) -> None:
    """Make the next generation's search index, and let all documents wait for it."""
    await life.create(redis, names, generation)
    await list_documents(redis, names, generation)


async def fill(
    redis: Redis, names: Namespace, embedders: Embedders, generation: Generation, told: Told
) -> None:
    """Fill the prepared generation, from wherever an earlier rebuild was stopped; switch to it.

    Raises:
        RebuildRunning: see `check`.
        InferenceRefused: Triton does not take a chunk's text.
    """
    embed = partial(_patiently, embedders, generation.model, told)
    batcher = Batcher(embed, batch_tokens=BATCH_TOKENS)
    filling = Filling(redis=redis, names=names, generation=generation, batcher=batcher, told=told)
    while True:
        await filling.work_off()
        if await switch(redis, names, generation):
            return


async def _patiently(
    embedders: Embedders, model: str, told: Told, texts: Sequence[str]
) -> NDArray[np.float32]:
    """Vectors, however long Triton is full or away."""
    policy, tries = RetryPolicy(), 0
    while True:
        try:
            return await embedders.vectors(texts, model, bulk=True)
        except (Transient, TritonUnavailable) as error:
            tries += 1
            told.trouble(f"waiting for Triton: {error}")
            await asyncio.sleep(policy.wait_s(tries, 1.0))


async def switch(redis: Redis, names: Namespace, generation: Generation) -> bool:
    """Search this generation from now on, in one step.

    Returns:
        False where a document was written meanwhile and waits again.

    Raises:
        RebuildRunning: see `check`.
    """

    async def activate(pipe: Pipeline) -> bool:
        there = await check(pipe, names, generation)
        if not there.listed or await pipe.scard(names.reembed):
            return False
        was = str((there.active or UNKNOWN).number)
        pipe.multi()
        pipe.hset(names.generations, mapping={"active": str(generation.number), "old": was})
        pipe.hdel(names.generations, "next", "listed")
        pipe.unlink(names.reembedded)
        return True

    return await _change(redis, activate, names.generations, names.reembed)


async def abandon(redis: Redis, names: Namespace) -> Generation | None:
    """Give up what was begun; returns the generation that is to be removed, None for none."""

    async def drop_next(pipe: Pipeline) -> Generation | None:
        if following := (await generations.read(pipe, names)).next:
            pipe.multi()
            pipe.hset(names.generations, "old", str(following.number))
            pipe.hdel(names.generations, "next", "listed")
            pipe.unlink(names.reembedded, names.reembed)
        return following

    return await _change(redis, drop_next, names.generations)


async def remove_old(redis: Redis, names: Namespace) -> None:
    """Remove the generation that is no longer searched, if there is one: a page at a time."""
    if (old := (await generations.read(redis, names)).old) is None:
        return
    if await life.exists(redis, names, old.number):
        await redis.execute_command("FT.DROPINDEX", names.search_index(old.number))
    async for page in pages(redis, names.chunk_prefix(old.number)):
        await redis.unlink(*page)

    async def forget(pipe: Pipeline) -> None:
        if (await generations.read(pipe, names)).old == old:  # else there is a later one by now
            pipe.multi()
            pipe.hdel(names.generations, "old", str(old.number))

    await _change(redis, forget, names.generations)
