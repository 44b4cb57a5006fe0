"""An index that is written, searched and rebuilt in a real Redis, with embedders from hashes.

`python -m tests.integration.rebuilds URL NAMESPACE` is a rebuild that never comes to its end: it is
there to be killed. It reads the password from its standard input.
"""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.embedder.batching import Batcher
from services.retriever import filling, rebuild
from services.retriever import handler as retriever
from services.retriever.extent import Extents
from services.retriever.filling import Filling, Told
from services.retriever.index import Reach
from services.retriever.searched import Searched
from shared.answers import Endings
from shared.delivery import Delivery, Stage
from shared.embedders import Embedders
from shared.generations import Generation
from shared.messages import (
    Chunk,
    Hit,
    Index,
    Query,
    Retrieve,
    decode_generate,
    decode_index,
    encode_msgpack,
)
from shared.redis import connect, ensure_groups
from shared.streams import DATA, Entry, Namespace, Retention, decoded
from shared.triton import EMBEDDER
from tests.fake_triton import FakeTriton

OLD, NEW = ("old model", 8), ("new model", 12)
BOTH = {"embedder": OLD, "embedder_next": NEW}
SILENT = Told(waiting=lambda _: None, trouble=lambda _: None)
DONE_BEFORE_DEATH = 5


class Library:
    """Documents in an index, handled as the workers do it.

    Args:
        redis: client of a real Redis.
        names: the namespace.
        served: what Triton serves.
    """

    def __init__(
        self, redis: Any, names: Namespace, served: Mapping[str, tuple[str, int]] = BOTH
    ) -> None:
        self.redis = redis
        self.names = names
        self.triton = FakeTriton(served)
        triton: Any = self.triton
        self.embedders = Embedders(triton)
        self.searched = Searched(redis, names, self.embedders)
        handle = partial(retriever.store, redis=redis, names=names, embedders=self.embedders)
        retention = Retention(query_s=60, answer_s=60, tokens_s=60)
        fail = Endings(names, retention, time.time).fail_document
        self._stage = Stage(names.index, "retriever", decoded(decode_index), handle, fail)
        self._delivery = Delivery(redis, names, "t")

    async def ingest(
        self, document_id: str, texts: Sequence[str], version: int = 1, model: str = OLD[0]
    ) -> None:
        """Write a document whose chunks were embedded by this model."""
        vectors = await self._embed(texts, model)
        message = Index(
            document_id=document_id,
            collection="c",
            name="",
            title="",
            sha256="",
            chunks=tuple(Chunk(text=text, tokens=3) for text in texts),
            embeddings=vectors.astype("<f4").tobytes(),
            model=model,
            version=f"{version}-0",
        )
        await ensure_groups(self.redis, [(self._stage.stream, self._stage.group)])
        fields = {DATA: encode_msgpack(message)}
        entry_id = await self.redis.xadd(self._stage.stream, fields)
        await self.redis.xreadgroup("retriever", "t", {self._stage.stream: ">"})
        entry = Entry(self._stage.stream, entry_id.decode(), fields)
        await self._delivery.process(self._stage, entry)

    async def ask(self, question: str, model: str = OLD[0], most: int = 500) -> tuple[Hit, ...]:
        """Passages for a question that was embedded by this model."""
        return (await self.answer(question, model, most))[0]

    async def answer(
        self, question: str, model: str = OLD[0], most: int = 500
    ) -> tuple[tuple[Hit, ...], str]:
        """The same, and the model by which they were found."""
        wanted: Any = _Everything()
        [vector] = await self._embed([question], model)
        message = Retrieve(
            query=Query(question=question, collection="c"),
            embedding=vector.tobytes(),
            accepted_ms=int(time.time() * 1000),
            models={"embedder": model},
        )
        [effect] = await retriever.retrieve(
            Entry(self.names.retrieve, f"{message.accepted_ms}-0"),
            message,
            redis=self.redis,
            names=self.names,
            wanted=wanted,
            searched=self.searched,
            extents=Extents(self.redis),
            reach=Reach(top_k=most, candidates=most, per_document=most),
        )
        data = effect.arguments[2]
        assert isinstance(data, bytes)
        found = decode_generate(data)
        return found.hits, found.models["embedder"]

    async def _embed(self, texts: Sequence[str], model: str) -> NDArray[np.float32]:
        """As today's embedder does, or as that of the release before, which names no model."""
        if model == EMBEDDER:
            model = await self.triton.model_id(EMBEDDER)
        return await self.embedders.vectors(texts, model)

    async def begin(self) -> Generation:
        """Begin a rebuild, or go on with one, up to where documents are embedded."""
        following = await rebuild.begin(self.redis, self.names, self.embedders)
        assert following is not None
        await rebuild.prepare(self.redis, self.names, following)
        return following

    async def rebuild(self, told: Told = SILENT) -> None:
        """All that `ragstream index rebuild` does."""
        async with rebuild.held(self.redis, self.names):
            await rebuild.remove_old(self.redis, self.names)
            following = await self.begin()
            await rebuild.fill(self.redis, self.names, self.embedders, following, told)
            await rebuild.remove_old(self.redis, self.names)

    def filling(self, generation: Generation, told: Told = SILENT) -> Filling:
        """Fills a generation, document by document."""

        async def embed(texts: Sequence[str]) -> NDArray[np.float32]:
            return await self.embedders.vectors(texts, generation.model)

        batcher = Batcher(embed, batch_tokens=100)
        return Filling(
            redis=self.redis,
            names=self.names,
            generation=generation,
            batcher=batcher,
            told=told,
        )


class _Everything:
    """A Wanted."""

    async def check(self, _query: Query, _accepted_ms: int) -> None:
        return


async def _never_ends(url: str, namespace: str, password: str) -> None:
    async with connect(url, password) as redis:
        names = Namespace(namespace)
        library = Library(redis, names)
        async with rebuild.held(redis, names):
            fill = library.filling(await library.begin())
            waiting: Any = await redis.smembers(names.reembed)
            for document_id in sorted(waiting)[:DONE_BEFORE_DEATH]:
                assert await fill.carry(document_id.decode())
            assert await filling.waiting(redis, names)
            print("half", flush=True)  # noqa: T201 - what the test waits for
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_never_ends(sys.argv[1], sys.argv[2], sys.stdin.readline().strip()))
