"""The product's own index in a real Redis, filled and searched by the retriever's code."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis

from services.retriever import index, life, search
from services.retriever.extent import Extents
from services.retriever.search import VECTORS, VectorIndex
from shared.generations import FIRST, SCHEMA, Generation
from shared.messages import Chunk, Index, Query
from shared.redis import connect
from shared.streams import Namespace
from tests.redis_server import running_redis

Vectors = NDArray[np.float32]
Mode = Literal["dense", "bm25", "hybrid", "hybrid_exact"]
MODES: tuple[Mode, ...] = ("dense", "bm25", "hybrid", "hybrid_exact")
COLLECTION = "bench"
_PATIENCE_S = 3_600  # for a reply: whoever measures beside us may stop us for minutes
_AT_ONCE = 500  # chunks written in one round trip
_WRITERS = 2  # one prepares its chunks while Redis takes the other's


@dataclass(frozen=True, kw_only=True)
class Ours:
    """An index of one set's passages; each passage is a document of one chunk.

    Attributes:
        redis: client of the server.
        names: a namespace of the set's own.
        candidates: hits of each search before fusion.
        vectors: how vectors are kept.
        extents: how the retriever chooses its way.
        model: id of what made the vectors.
    """

    redis: Redis
    names: Namespace
    candidates: int
    vectors: VectorIndex
    extents: Extents
    model: str = "bench"

    async def load(self, passages: Sequence[str], vectors: Vectors, *, first: int = 0) -> None:
        """Write passages, numbered from `first`, and their vectors [n, dim]: they can be found."""
        await life.ensure(self.redis, self.names, self.model, vectors.shape[1], self.vectors)
        starts = iter(range(0, len(passages), _AT_ONCE))

        async def write() -> None:
            for at in starts:
                batch = slice(at, at + _AT_ONCE)
                await self._write(first + at, passages[batch], vectors[batch])

        await asyncio.gather(*(write() for _ in range(_WRITERS)))
        self.extents.forget()

    async def _write(self, first: int, passages: Sequence[str], vectors: Vectors) -> None:
        async with self.redis.pipeline(transaction=False) as pipe:
            for number, (passage, vector) in enumerate(zip(passages, vectors, strict=True), first):
                message = _document(number, passage, vector)
                for effect in index.write(self.names, FIRST, message, 0, self.vectors):
                    pipe.execute_command(effect.command, effect.key, *effect.arguments)
            await pipe.execute()

    async def used_bytes(self) -> int:
        """Memory of the server."""
        return int((await self.redis.info("memory"))["used_memory"])

    async def search(self, question: str, vector: Vectors, *, mode: Mode, top_k: int) -> list[int]:
        """Numbers of the best passages, best first."""
        scope = (self.names.search_index(FIRST), COLLECTION, ())
        if mode == "dense":
            packed, most = self.vectors.pack(vector.tobytes()), max(top_k, self.candidates)
            ef, exact = self.vectors.ef_runtime, await self._narrow()
            command = search.dense(*scope, packed, most, ef=ef, exact=exact)
            return await self._alone(command, top_k)
        if mode == "bm25":
            return await self._alone(search.lexical(*scope, question, top_k), top_k)
        reach = index.Reach(
            top_k=top_k,
            candidates=self.candidates,
            per_document=top_k,
            exact=mode == "hybrid_exact" or await self._narrow(),
        )
        query = Query(question=question, collection=COLLECTION)
        active = Generation(number=FIRST, schema=SCHEMA, model=self.model, dim=vector.size)
        found = await index.find(
            self.redis, self.names, active, query, vector.tobytes(), reach, self.vectors
        )
        return [int(hit.document_id) for hit in found or ()]

    async def _narrow(self) -> bool:
        return await self.extents.narrow(self.names.search_index(FIRST), COLLECTION)

    async def _alone(self, command: list[Any] | None, top_k: int) -> list[int]:
        if command is None:
            return []
        prefix = self.names.chunk_prefix(FIRST)
        hits = search.read_hits(prefix, await self.redis.execute_command(*command))
        return [int(hit.document_id) for hit in list(hits.values())[:top_k]]


def _document(number: int, text: str, vector: Vectors) -> Index:
    return Index(
        document_id=str(number),
        collection=COLLECTION,
        name="",
        title="",
        sha256="",
        chunks=(Chunk(text=text, tokens=len(text.split())),),
        embeddings=vector.astype("<f4").tobytes(),
    )


@contextlib.asynccontextmanager
async def running(
    name: str, candidates: int, vectors: VectorIndex = VECTORS
) -> AsyncIterator[Ours]:
    """A Redis of the benchmark's own, gone with its data at the end."""
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as server:
        client = connect(f"{server.url}?socket_timeout={_PATIENCE_S}", "")
        try:
            names = Namespace(name)
            yield Ours(
                redis=client,
                names=names,
                candidates=candidates,
                vectors=vectors,
                extents=Extents(client),
            )
        finally:
            await client.aclose()
