"""The product's own index in a real Redis, filled and searched by the retriever's code."""

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
from services.retriever.search import VECTORS, VectorIndex
from shared.messages import Chunk, Index, Query
from shared.redis import connect
from shared.streams import Namespace
from tests.redis_server import running_redis

Vectors = NDArray[np.float32]
Mode = Literal["dense", "bm25", "hybrid", "hybrid_exact"]
MODES: tuple[Mode, ...] = ("dense", "bm25", "hybrid", "hybrid_exact")
COLLECTION = "bench"
_PATIENCE_S = 3_600  # for a reply: whoever measures beside us may stop us for minutes
_FIRST = 1  # the only generation of an index that nobody rebuilds
_AT_ONCE = 500  # chunks written in one round trip


@dataclass(frozen=True, kw_only=True)
class Ours:
    """An index of one set's passages; each passage is a document of one chunk.

    Attributes:
        redis: client of the server.
        names: a namespace of the set's own.
        candidates: hits of each search before fusion.
        vectors: how vectors are kept.
    """

    redis: Redis
    names: Namespace
    candidates: int
    vectors: VectorIndex

    async def load(self, passages: Sequence[str], vectors: Vectors, *, first: int = 0) -> None:
        """Write passages, numbered from `first`, and their vectors [n, dim]: they can be found."""
        await life.ensure(self.redis, self.names, "bench", vectors.shape[1], self.vectors)
        for at in range(0, len(passages), _AT_ONCE):
            async with self.redis.pipeline(transaction=False) as pipe:
                for number in range(at, min(at + _AT_ONCE, len(passages))):
                    message = _document(first + number, passages[number], vectors[number])
                    for effect in index.write(self.names, _FIRST, message, 0, self.vectors):
                        pipe.execute_command(effect.command, effect.key, *effect.arguments)
                await pipe.execute()

    async def used_bytes(self) -> int:
        """Memory of the server."""
        return int((await self.redis.info("memory"))["used_memory"])

    async def search(self, question: str, vector: Vectors, *, mode: Mode, top_k: int) -> list[int]:
        """Numbers of the best passages, best first."""
        scope = (self.names.search_index(_FIRST), COLLECTION, ())
        if mode == "dense":
            packed, most = self.vectors.pack(vector.tobytes()), max(top_k, self.candidates)
            ef = self.vectors.ef_runtime
            return await self._alone(search.dense(*scope, packed, most, ef=ef), top_k)
        if mode == "bm25":
            return await self._alone(search.lexical(*scope, question, top_k), top_k)
        reach = index.Reach(
            top_k=top_k,
            candidates=self.candidates,
            per_document=top_k,
            exact=mode == "hybrid_exact",
        )
        query = Query(question=question, collection=COLLECTION)
        active = await life.active(self.redis, self.names, query)
        found = await index.find(
            self.redis, self.names, active, query, vector.tobytes(), reach, self.vectors
        )
        return [int(hit.document_id) for hit in found or ()]

    async def _alone(self, command: list[Any] | None, top_k: int) -> list[int]:
        if command is None:
            return []
        prefix = self.names.chunk_prefix(_FIRST)
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
            yield Ours(redis=client, names=Namespace(name), candidates=candidates, vectors=vectors)
        finally:
            await client.aclose()
