"""A generation of the index: searched in one round trip, written through the commit path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis

from services.retriever import search
from services.retriever.fusion import DENSE_WEIGHT, LEXICAL_WEIGHT, fuse
from services.retriever.search import VECTORS, VectorIndex
from services.retriever.selection import choose
from shared import generations
from shared.errors import UnknownCollection, UnknownDocument
from shared.generations import Generation
from shared.messages import Chunk, Hit, Index, Query
from shared.streams import Effect, Namespace

_FP32_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far a search looks and how much it brings back.

    Attributes:
        top_k: passages to return.
        candidates: hits of each of the two searches, at least top_k to be of use.
        per_document: most passages of one document, where the scope has several.
        exact: look at every vector of the scope, however wide.
        passage_tokens: up to which a passage grows by its neighbours, 0 for not at all.
    """

    top_k: int
    candidates: int
    per_document: int
    exact: bool = False
    passage_tokens: int = 0

    def most_of_one(self, query: Query) -> int:
        """Most passages of one document: a question about one alone has no limit."""
        return self.top_k if len(query.document_ids) == 1 else self.per_document


async def find(
    redis: Redis,
    names: Namespace,
    generation: Generation,
    query: Query,
    vector: bytes,
    reach: Reach,
    vectors: VectorIndex = VECTORS,
) -> tuple[Hit, ...] | None:
    """The best passages for a question, dense and BM25 fused.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        generation: which one to search.
        query: the question and its scope.
        vector: FP32 little-endian [dim], of the generation's model.
        reach: how far to look.
        vectors: how the index keeps them.

    Returns:
        None where the generation is not, or no longer, the active one: look which one is.

    Raises:
        UnknownCollection: nothing was ever ingested into it.
        UnknownDocument: a document of the scope is not in the collection.
    """
    limit, number = reach.candidates, generation.number
    scope = (names.search_index(number), query.collection, query.document_ids)
    packed, ef = vectors.pack(vector), vectors.ef_runtime
    commands = [search.dense(*scope, packed, limit, ef=ef, exact=reach.exact)]
    if (by_words := search.lexical(*scope, query.question, limit)) is not None:
        commands.append(by_words)
    # as one transaction: a document that is replaced between the two searches would come out mixed
    async with redis.pipeline(transaction=True) as pipe:
        for field in ("active", str(number)):
            pipe.hget(names.generations, field)
        pipe.hexists(names.collections, query.collection)
        for document_id in query.document_ids:
            pipe.hget(names.document(document_id), "collection")
        for command in commands:
            pipe.execute_command(*command)
        active, said, known, *rest = await pipe.execute(raise_on_error=False)
    owners, replies = rest[: len(query.document_ids)], rest[len(query.document_ids) :]
    _raise_first([active, said, known, *owners])
    if not generations.is_active(generation, active, said):
        return None
    _check_scope(query, known=bool(known), owners=owners)
    _raise_first(replies)
    prefix = names.chunk_prefix(number)
    found = _fused([search.read_fields(prefix, reply) for reply in replies])
    return choose(found, top_k=reach.top_k, per_document=reach.most_of_one(query))


def _raise_first(replies: Sequence[object]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _check_scope(query: Query, *, known: bool, owners: Sequence[bytes | None]) -> None:
    if not known:
        raise UnknownCollection(f"no document was ever ingested into collection {query.collection}")
    for document_id, owner in zip(query.document_ids, owners, strict=True):
        if owner is None or owner.decode() != query.collection:
            raise UnknownDocument(f"no document {document_id} in collection {query.collection}")


def _fused(rankings: Sequence[Mapping[str, Sequence[bytes]]]) -> Iterator[Hit]:
    """Best first. The rankings are dense, then by words, if the question has any."""
    fields = {chunk_id: found for ranking in rankings for chunk_id, found in ranking.items()}
    weights = (DENSE_WEIGHT, LEXICAL_WEIGHT)
    scores = fuse([(w, list(ranking)) for w, ranking in zip(weights, rankings, strict=False)])
    hits = (search.hit_of(found, search.paired(fields[found])) for found in scores)
    return (replace(hit, score=scores[hit.chunk_id]) for hit in hits)


def write(
    names: Namespace,
    number: int,
    message: Index,
    old_chunks: int,
    vectors: VectorIndex = VECTORS,
) -> list[Effect]:
    """Effects that swap a document's chunks for new ones.

    Args:
        names: the namespace.
        number: of the generation.
        message: the chunks and their vectors, FP32 [n, dim].
        old_chunks: how many chunks the document had before.
        vectors: how the index keeps them.
    """
    chunks = message.chunks
    size = len(message.embeddings) // len(chunks)
    effects: list[Effect] = []
    for at in range(len(chunks)):
        vector = vectors.pack(message.embeddings[at * size : (at + 1) * size])
        effects += _write_chunk(
            names.chunk(number, message.document_id, at), chunks[at], message, vector
        )
    for at in range(len(chunks), old_chunks):
        effects.append(Effect("DEL", names.chunk(number, message.document_id, at)))
    return [*effects, _write_document(names, message), _known(names, message)]


def dimension(message: Index) -> int:
    """Length of the message's vectors."""
    return len(message.embeddings) // len(message.chunks) // _FP32_BYTES


def _write_chunk(key: str, chunk: Chunk, message: Index, vector: bytes) -> Iterator[Effect]:
    """Put a chunk in the place of the one that was there.

    Not by removing that one first: while a cluster moves the slot, its node refuses to make a key
    that it no longer has, and the commit would end half done.
    """
    if chunk.page is None:
        yield Effect("HDEL", key, ("page", "page_runs"))
    runs = msgspec.json.encode(chunk.page_runs)
    page = () if chunk.page is None else ("page", chunk.page, "page_runs", runs)
    fields = (
        "collection", message.collection, "document_id", message.document_id,
        "title", message.title, "section", chunk.section, "text", chunk.text,
        "tokens", chunk.tokens, "embedding", vector, *page,
    )  # fmt: skip
    yield Effect("HSET", key, fields)


def _write_document(names: Namespace, message: Index) -> Effect:
    fields = (
        "state", "ingested", "collection", message.collection, "name", message.name,
        "title", message.title, "sha256", message.sha256, "chunks", len(message.chunks),
        "pages", message.pages or 0, "version", message.version, "done", message.upload,
        "error_code", "", "error", "",
    )  # fmt: skip
    return Effect("HSET", names.document(message.document_id), fields)


def _known(names: Namespace, message: Index) -> Effect:
    return Effect("HSET", names.collections, (message.collection, 1))
