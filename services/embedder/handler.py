"""What the embedder does: questions and chunks to vectors, through Triton."""

from collections.abc import Callable

from redis.asyncio import Redis

from services.embedder.batching import Batcher
from services.embedder.questions import check_question
from shared import generations
from shared.embedders import Embedders
from shared.messages import Embed, Index, Query, Retrieve
from shared.streams import Effect, Entry, Namespace, publish
from shared.timing import Stopwatch
from shared.wanted import Wanted


async def embed_query(
    entry: Entry,
    query: Query,
    *,
    embedders: Embedders,
    redis: Redis,
    names: Namespace,
    wanted: Wanted,
    max_chars: int,
) -> list[Effect]:
    """Turn a question into its vector, by the model of the index, and hand it to the retriever."""
    watch = Stopwatch(entry)
    check_question(query, max_chars=max_chars)
    await wanted.check(query, entry.published_ms)
    model = await embedders.chosen((await generations.read(redis, names)).active)
    bulk = query.priority == "bulk"
    vectors = await embedders.vectors([query.question], model, bulk=bulk)
    message = Retrieve(
        query=query,
        embedding=vectors[0].astype("<f4").tobytes(),
        accepted_ms=entry.published_ms,
        timings_ms={"embedder": watch.read()},
        models={"embedder": model},
    )
    return [publish(names.lane(names.retrieve, query.priority), message)]


async def change_lane(_entry: Entry, query: Query, *, names: Namespace) -> list[Effect]:
    """Put a bulk question that was published among the interactive ones into its own lane."""
    return [publish(names.lane(names.queries, query.priority), query, edge=True)]


async def embed_chunks(
    _entry: Entry,
    message: Embed,
    *,
    embedders: Embedders,
    batcher: Callable[[str], Batcher],
    redis: Redis,
    names: Namespace,
) -> list[Effect]:
    """Turn a document's chunks into vectors, all by the model of the index, and hand them on."""
    chunks = message.chunks
    model = await embedders.chosen((await generations.read(redis, names)).active)
    texts, tokens = [one.text for one in chunks], [one.tokens for one in chunks]
    vectors = await batcher(model).vectors(texts, tokens)
    indexed = Index(
        document_id=message.document_id,
        collection=message.collection,
        name=message.name,
        title=message.title,
        sha256=message.sha256,
        pages=message.pages,
        chunks=message.chunks,
        embeddings=vectors.astype("<f4").tobytes(),
        model=model,
        version=message.version,
        upload=message.upload,
        traceparent=message.traceparent,
    )
    return [publish(names.index, indexed)]
