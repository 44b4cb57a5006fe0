"""What the retriever does: finds passages for a question, writes chunks into the index."""

from dataclasses import replace
from typing import Any

from msgspec import structs
from redis.asyncio import Redis

from services.retriever import index, life, neighbours
from services.retriever.extent import Extents
from services.retriever.index import Reach
from services.retriever.reranking import Reranker
from services.retriever.searched import Searched
from shared import generations
from shared.embedders import Embedders
from shared.generations import Generation
from shared.messages import Generate, Hit, Index, Retrieve
from shared.streams import Effect, Entry, Namespace, order, publish
from shared.timing import Stopwatch
from shared.triton import EMBEDDER, RERANKER
from shared.wanted import Wanted


async def retrieve(  # noqa: PLR0913 - clients and settings, each given by its name
    entry: Entry,
    message: Retrieve,
    *,
    redis: Redis,
    names: Namespace,
    wanted: Wanted,
    searched: Searched,
    reach: Reach,
    extents: Extents,
    reranker: Reranker | None = None,
) -> list[Effect]:
    """Find the passages for a question and hand both to the generator."""
    watch, query = Stopwatch(entry), message.query
    await wanted.check(query, message.accepted_ms)
    if query.top_k:
        reach = replace(reach, top_k=query.top_k, candidates=max(reach.candidates, query.top_k))
    wider = reranker.wider(reach) if reranker else reach
    hits, generation = await _find(
        message, redis=redis, names=names, searched=searched, reach=wider, extents=extents
    )
    found = Generate(
        query=query,
        hits=hits,
        accepted_ms=message.accepted_ms,
        timings_ms=message.timings_ms,
        models={**message.models, "embedder": generation.model},
    )
    if reranker:
        found = await reranker.order(found, reach)
    hits = await neighbours.widen(
        redis, names, generation.number, query.collection, found.hits, reach.passage_tokens
    )
    work = watch.read(elsewhere=found.timings_ms.get(RERANKER))
    found = structs.replace(found, hits=hits, timings_ms={**found.timings_ms, "retriever": work})
    return [publish(names.lane(names.generate, query.priority), found)]


async def _find(
    message: Retrieve,
    *,
    redis: Redis,
    names: Namespace,
    searched: Searched,
    reach: Reach,
    extents: Extents,
) -> tuple[tuple[Hit, ...], Generation]:
    """Passages, and the one generation that they are of."""
    query, hits = message.query, None
    while hits is None:
        active = await searched.now(message)
        vector = await searched.vector(message, active)
        scope = names.search_index(active.number), query.collection
        near = replace(reach, exact=bool(query.document_ids) or await extents.narrow(*scope))
        if (hits := await index.find(redis, names, active, query, vector, near)) is None:
            searched.forget()
    return hits, active


async def store(
    _entry: Entry, message: Index, *, redis: Redis, names: Namespace, embedders: Embedders
) -> list[Effect]:
    """Swap a document's chunks for these, in one step, unless a later version is there already.

    While a rebuild fills the next generation, it is told to embed this document, too.
    """
    there = await life.known(redis, names, embedders)
    if (active := there.active) is None:
        if message.model == EMBEDDER:  # the release before named no model
            message = await _again(message, await embedders.chosen(None), embedders)
        await life.ensure(redis, names, message.model, index.dimension(message))
        return await store(_entry, message, redis=redis, names=names, embedders=embedders)
    generations.check_schema(active)
    await life.create(redis, names, active)  # it may have been lost, and fills itself from the keys
    record = names.document(message.document_id)
    found: list[Any] = await redis.hmget(record, ["version", "chunks"])
    known, chunks = found
    if known and order(known.decode()) > order(message.version):
        return []
    if message.model != active.model:
        message = await _again(message, active.model, embedders)
    # another version may be written between this look and the commit, or the generations change:
    # then we look again
    unchanged = [Effect("EXPECT", record, ("version", known or b"")), *there.unchanged(names)]
    written = index.write(names, active.number, message, int(chunks or 0))
    told = [Effect("SADD", names.reembed, (message.document_id,))] if there.next else []
    return [*unchanged, *written, *told]


async def _again(message: Index, model: str, embedders: Embedders) -> Index:
    """The message with vectors of the index's model.

    It was embedded before a rebuild's switch, or by the release before, which named no model.
    """
    texts = [chunk.text for chunk in message.chunks]
    vectors = await embedders.vectors(texts, model, bulk=True)
    return structs.replace(message, model=model, embeddings=vectors.astype("<f4").tobytes())
