"""What the retriever does: finds passages for a question, writes chunks into the index."""

from redis.asyncio import Redis

from services.retriever import index
from shared.answers import Endings
from shared.messages import Generate, Index, Retrieve
from shared.streams import Effect, Entry, Namespace, publish
from shared.timing import Stopwatch


async def retrieve(
    entry: Entry,
    message: Retrieve,
    *,
    redis: Redis,
    names: Namespace,
    endings: Endings,
    top_k: int,
    candidates: int,
) -> list[Effect]:
    """Find the passages for a question and hand both to the generator."""
    watch, query = Stopwatch(entry), message.query
    if (expired := endings.expire(query, message.accepted_ms)) is not None:
        return expired
    wanted = query.top_k or top_k
    hits = await index.find(
        redis, names, query, message.embedding, top_k=wanted, limit=max(candidates, wanted)
    )
    found = Generate(
        query=query,
        hits=hits,
        accepted_ms=message.accepted_ms,
        timings_ms={**message.timings_ms, "retriever": watch.read()},
        models=message.models,
    )
    return [publish(names.generate, found)]


async def store(_entry: Entry, message: Index, *, redis: Redis, names: Namespace) -> list[Effect]:
    """Swap a document's chunks for these, in one step."""
    await index.ensure(redis, names, index.dimension(message))
    old = await redis.hget(names.document(message.document_id), "chunks")
    return index.write(names, message, int(old or 0))
