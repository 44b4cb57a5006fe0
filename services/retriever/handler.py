"""What the retriever does: finds passages for a question, writes chunks into the index."""

from dataclasses import replace
from typing import Any

from msgspec import structs
from redis.asyncio import Redis

from services.retriever import index, neighbours
from services.retriever.extent import Extents
from services.retriever.index import Reach
from services.retriever.reranking import Reranker
from shared.messages import Generate, Index, Query, Retrieve
from shared.streams import Effect, Entry, Namespace, order, publish
from shared.timing import Stopwatch
from shared.triton import RERANKER
from shared.wanted import Wanted


async def retrieve(
    entry: Entry,
    message: Retrieve,
    *,
    redis: Redis,
    names: Namespace,
    wanted: Wanted,
    reach: Reach,
    extents: Extents,
    reranker: Reranker | None = None,
) -> list[Effect]:
    """Find the passages for a question and hand both to the generator."""
    watch, query = Stopwatch(entry), message.query
    await wanted.check(query, message.accepted_ms)
    reach = await _reach(query, reach, extents)
    wider = reranker.wider(reach) if reranker else reach
    found = Generate(
        query=query,
        hits=await index.find(redis, names, query, message.embedding, wider),
        accepted_ms=message.accepted_ms,
        timings_ms=message.timings_ms,
        models=message.models,
    )
    if reranker:
        found = await reranker.order(found, reach)
    hits = await neighbours.widen(redis, names, query.collection, found.hits, reach.passage_tokens)
    work = watch.read(elsewhere=found.timings_ms.get(RERANKER))
    found = structs.replace(found, hits=hits, timings_ms={**found.timings_ms, "retriever": work})
    return [publish(names.lane(names.generate, query.priority), found)]


async def _reach(query: Query, reach: Reach, extents: Extents) -> Reach:
    """How far this question's search looks."""
    if query.top_k:
        reach = replace(reach, top_k=query.top_k, candidates=max(reach.candidates, query.top_k))
    exact = bool(query.document_ids) or await extents.narrow(query.collection)
    return replace(reach, exact=exact)


async def store(_entry: Entry, message: Index, *, redis: Redis, names: Namespace) -> list[Effect]:
    """Swap a document's chunks for these, in one step, unless a later version is there already."""
    await index.ensure(redis, names, index.dimension(message))
    record = names.document(message.document_id)
    found: list[Any] = await redis.hmget(record, ["version", "chunks"])
    known, chunks = found
    if known and order(known.decode()) > order(message.version):
        return []
    # another version may be written between this look and the commit: then we look again
    unchanged = Effect("EXPECT", record, ("version", known or b""))
    return [unchanged, *index.write(names, message, int(chunks or 0))]
