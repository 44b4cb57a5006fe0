"""The next generation of the index, filled document by document while others write the active one.

The set `reembed` has the documents that wait. One leaves it in the transaction that writes it to
the next generation, which fails where the document has changed since it was read.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import WatchError

from services.embedder.batching import Batcher
from services.retriever.search import VECTORS
from shared import generations
from shared.documents import pages
from shared.errors import RebuildRunning
from shared.generations import UNKNOWN, Generation, Generations
from shared.streams import Namespace

_PAGE = 1_000
_AT_ONCE = 16  # documents: while one is written, others are embedded
_Chunks = Mapping[int, Mapping[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told about it.

    Attributes:
        waiting: how many documents wait, whenever that has changed.
        trouble: in words, that Triton is waited for.
    """

    waiting: Callable[[int], None]
    trouble: Callable[[str], None]


async def check(redis: Redis, names: Namespace, generation: Generation) -> Generations:
    """What there is, as long as this generation is the one that is being filled.

    Raises:
        RebuildRunning: the rebuild was given up, or another process finished it.
    """
    there = await generations.read(redis, names)
    if there.next != generation:
        raise RebuildRunning("this rebuild was given up, or another process finished it")
    return there


async def list_documents(redis: Redis, names: Namespace, generation: Generation) -> None:
    """Let every document wait that is there, once.

    Raises:
        RebuildRunning: see `check`.
    """
    if (await check(redis, names, generation)).listed:
        return
    prefix = names.document("")
    async for page in pages(redis, prefix):
        await redis.sadd(names.reembed, *(key.decode().removeprefix(prefix) for key in page))
    # the number: of a process that was frozen here, a later rebuild would believe a mere "yes"
    await redis.hset(names.generations, "listed", str(generation.number))


async def waiting(redis: Redis, names: Namespace) -> int:
    """How many documents wait."""
    return int(await redis.scard(names.reembed))


async def done(redis: Redis, names: Namespace) -> int:
    """How many documents the next generation holds; some may wait again."""
    return int(await redis.hlen(names.reembedded))


@dataclass(frozen=True, kw_only=True)
class Filling:
    """Fills one generation.

    Attributes:
        redis: client that returns bytes.
        names: the namespace.
        generation: which one.
        batcher: embeds with its model.
        told: who is told of the progress.
    """

    redis: Redis
    names: Namespace
    generation: Generation
    batcher: Batcher
    told: Told

    async def work_off(self) -> None:
        """Embed what waits until nothing does.

        Raises:
            Outage, Overloaded, InferenceRefused: of the batcher.
            RebuildRunning: see `check`.
        """
        while some := await self._some():
            documents = iter(some)
            works = (self._work(documents) for _ in range(_AT_ONCE))
            for ended in await asyncio.gather(*works, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended

    async def _some(self) -> list[str]:
        found: Any = await self.redis.srandmember(self.names.reembed, _PAGE)
        return [one.decode() for one in found]

    async def _work(self, documents: Iterator[str]) -> None:
        for document_id in documents:
            await self.carry(document_id)
            self.told.waiting(await waiting(self.redis, self.names))

    async def carry(self, document_id: str) -> bool:
        """Bring a document into the generation as it is now, or take it out if it is gone.

        Returns:
            False where it changed meanwhile: it still waits.
        """
        names, number = self.names, self.generation.number
        async with self.redis.pipeline(transaction=True) as pipe:
            await pipe.watch(names.document(document_id), names.generations)
            searched = (await check(pipe, names, self.generation)).active or UNKNOWN
            count = _number(await pipe.hget(names.document(document_id), "chunks"))
            held = _number(await pipe.hget(names.reembedded, document_id))
            chunks = await self._chunks(searched, document_id, count)
            vectors = await self._vectors(chunks)
            pipe.multi()
            for at in range(max(held, count)):
                _write(pipe, names.chunk(number, document_id, at), chunks.get(at), vectors.get(at))
            pipe.hset(names.reembedded, document_id, str(count))
            pipe.srem(names.reembed, document_id)
            try:
                await pipe.execute()
            except WatchError:
                return False
            return True

    async def _chunks(self, searched: Generation, document_id: str, count: int) -> _Chunks:
        """The document's chunks by their numbers; some are missing if it is just replaced."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for at in range(count):
                pipe.hgetall(self.names.chunk(searched.number, document_id, at))
            return {at: chunk for at, chunk in enumerate(await pipe.execute()) if chunk}

    async def _vectors(self, chunks: _Chunks) -> dict[int, bytes]:
        if not chunks:
            return {}
        texts = [chunk[b"text"].decode() for chunk in chunks.values()]
        tokens = [int(chunk[b"tokens"]) for chunk in chunks.values()]
        vectors = await self.batcher.vectors(texts, tokens)
        packed = (VECTORS.pack(one.astype("<f4").tobytes()) for one in vectors)
        return dict(zip(chunks, packed, strict=True))


def _write(
    pipe: Pipeline, key: str, chunk: Mapping[bytes, bytes] | None, vector: bytes | None
) -> None:
    """Put a chunk in the place of the one that was there; see `index.write` for why not anew."""
    if chunk is None or vector is None:
        pipe.delete(key)
        return
    if b"page" not in chunk:
        pipe.hdel(key, "page", "page_runs")
    fields: dict[Any, Any] = {**chunk, b"embedding": vector}
    pipe.hset(key, mapping=fields)


def _number(reply: Any) -> int:
    return int(reply or 0)
