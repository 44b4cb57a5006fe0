"""A new generation of the index: every document embedded anew, while searches go on.

All that a rebuild knows stands in Redis, so that one that was killed is gone on with:

1. `next` is set. From here on, whoever writes or removes a document adds it to the set `reembed`.
2. All documents that are there are added to that set; then `listed` is set.
3. Document after document is embedded and written to the next generation (filling.py).
4. In one transaction, only while the set is empty, `next` becomes `active`, and what was, `old`.
5. The old search index and, in pages, its chunks are removed.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.exceptions import WatchError

from services.embedder.batching import Batcher
from services.retriever import life
from services.retriever.filling import Filling, Told, list_documents
from shared import generations
from shared.delivery import RetryPolicy
from shared.documents import pages
from shared.embedders import Embedders
from shared.errors import (
    OtherEmbedder,
    OutdatedIndex,
    Overloaded,
    RebuildRunning,
    TritonUnavailable,
)
from shared.generations import SCHEMA, UNKNOWN, Generation
from shared.streams import Namespace
from shared.triton import EMBEDDER, EMBEDDER_NEXT

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
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)
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
    there, served = await life.present(redis, names), await embedders.served()
    if (following := there.next) is not None:
        generations.check_schema(following)
        if following.model not in served.values():
            raise OtherEmbedder(
                f"a rebuild with {following.model} was begun, and Triton serves "
                f"{' and '.join(served.values())}: let it serve that model again, or give the "
                "rebuild up with `ragstream index rebuild --abandon`"
            )
        return following
    model = served.get(EMBEDDER_NEXT, served[EMBEDDER])
    if (active := there.active) is None or (active.model, active.schema) == (model, SCHEMA):
        return None
    dim = (await embedders.vectors(["how long?"], model, bulk=True)).shape[1]
    following = Generation(number=there.last + 1, schema=SCHEMA, model=model, dim=dim)
    field, said = generations.facts(following)
    # `active` is not noted yet for an index from before there were generations
    begun: dict[Any, Any] = {
        field: said,
        "next": field,
        "last": field,
        "active": str(active.number),
    }
    await redis.hset(names.generations, mapping=begun)
    return following


async def prepare(redis: Redis, names: Namespace, generation: Generation) -> None:
    """Make the next generation's search index, and let all documents wait for it."""
    await life.create(redis, names, generation)
    await list_documents(redis, names)


async def fill(
    redis: Redis, names: Namespace, embedders: Embedders, generation: Generation, told: Told
) -> None:
    """Fill the prepared generation, from wherever an earlier rebuild was stopped; switch to it.

    Raises:
        RebuildRunning: it was given up, or another process finished it.
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
        except (Overloaded, TritonUnavailable) as error:
            tries += 1
            told.trouble(f"waiting for Triton: {error}")
            await asyncio.sleep(policy.wait_s(tries, 1.0))


async def switch(redis: Redis, names: Namespace, generation: Generation) -> bool:
    """Search this generation from now on, in one step.

    Returns:
        False where a document was written meanwhile and waits again.

    Raises:
        RebuildRunning: the rebuild was given up, or another process finished it.
    """
    async with redis.pipeline(transaction=True) as pipe:
        await pipe.watch(names.generations, names.reembed)
        there = await generations.read(pipe, names)
        if there.next != generation:
            raise RebuildRunning("this rebuild was given up, or another process finished it")
        if not there.listed or await pipe.scard(names.reembed):
            return False
        pipe.multi()
        was = str((there.active or UNKNOWN).number)
        pipe.hset(names.generations, mapping={"active": str(generation.number), "old": was})
        pipe.hdel(names.generations, "next", "listed")
        pipe.unlink(names.reembedded)
        try:
            await pipe.execute()
        except WatchError:
            return False
        return True


async def abandon(redis: Redis, names: Namespace) -> Generation | None:
    """Give up what was begun; returns the generation that is to be removed, None for none."""
    if (following := (await generations.read(redis, names)).next) is None:
        return None
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(names.generations, "old", str(following.number))
        pipe.hdel(names.generations, "next", "listed")
        pipe.unlink(names.reembedded, names.reembed)
        await pipe.execute()
    return following


async def remove_old(redis: Redis, names: Namespace) -> None:
    """Remove the generation that is no longer searched, if there is one: a page at a time."""
    if (old := (await generations.read(redis, names)).old) is None:
        return
    if await life.exists(redis, names, old.number):
        await redis.execute_command("FT.DROPINDEX", names.search_index(old.number))
    async for page in pages(redis, names.chunk_prefix(old.number)):
        await redis.unlink(*page)
    await redis.hdel(names.generations, "old", str(old.number))
