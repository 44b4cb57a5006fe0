"""The index in Redis: searched in one round trip, written through the commit path."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import redis.exceptions as redis_errors
from msgspec.structs import replace
from redis.asyncio import Redis

from services.retriever import search
from services.retriever.fusion import DENSE_WEIGHT, LEXICAL_WEIGHT, fuse
from services.retriever.search import VECTORS, VectorIndex
from services.retriever.selection import choose
from shared.errors import Permanent, UnknownCollection, UnknownDocument
from shared.messages import Hit, Index, Query
from shared.streams import Effect, Namespace

_FP32_BYTES = 4
_LOOK_EVERY_S = 0.02


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
    query: Query,
    vector: bytes,
    reach: Reach,
    vectors: VectorIndex = VECTORS,
) -> tuple[Hit, ...]:
    """The best passages for a question, dense and BM25 fused.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        query: the question and its scope.
        vector: FP32 little-endian [dim].
        reach: how far to look.
        vectors: how the index keeps them.

    Raises:
        UnknownCollection: nothing was ever ingested into it.
        UnknownDocument: a document of the scope is not in the collection.
    """
    limit = reach.candidates
    scope = (names, query.collection, query.document_ids)
    packed, ef = vectors.pack(vector), vectors.ef_runtime
    commands = [search.dense(*scope, packed, limit, ef=ef, exact=reach.exact)]
    if (by_words := search.lexical(*scope, query.question, limit)) is not None:
        commands.append(by_words)
    # as one transaction: a document that is replaced between the two searches would come out mixed
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hexists(names.collections, query.collection)
        for document_id in query.document_ids:
            pipe.hget(names.document(document_id), "collection")
        for command in commands:
            pipe.execute_command(*command)
        known, *rest = await pipe.execute(raise_on_error=False)
    owners, replies = rest[: len(query.document_ids)], rest[len(query.document_ids) :]
    _raise_first([known, *owners])
    _check_scope(query, bool(known), owners)
    _raise_first(replies)
    found = _fused([search.read_hits(names, reply) for reply in replies])
    return choose(found, top_k=reach.top_k, per_document=reach.most_of_one(query))


def _raise_first(replies: Sequence[object]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _check_scope(query: Query, known: bool, owners: Sequence[bytes | None]) -> None:  # noqa: FBT001 - a reply
    if not known:
        raise UnknownCollection(f"no document was ever ingested into collection {query.collection}")
    for document_id, owner in zip(query.document_ids, owners, strict=True):
        if owner is None or owner.decode() != query.collection:
            raise UnknownDocument(f"no document {document_id} in collection {query.collection}")


def _fused(rankings: Sequence[Mapping[str, Hit]]) -> Iterator[Hit]:
    """Best first. The rankings are dense, then by words, if the question has any."""
    hits = {chunk_id: hit for ranking in rankings for chunk_id, hit in ranking.items()}
    weights = (DENSE_WEIGHT, LEXICAL_WEIGHT)
    scores = fuse([(w, list(ranking)) for w, ranking in zip(weights, rankings, strict=False)])
    return (replace(hits[found], score=score) for found, score in scores.items())


async def ensure(redis: Redis, names: Namespace, dim: int, vectors: VectorIndex = VECTORS) -> None:
    """Create the index if it is missing, and let its first look at all keys end.

    What is written meanwhile would be counted twice in the weights of words, until RediSearch
    cleans up.

    Raises:
        Permanent: it exists for vectors of another length: another embedder filled it.
    """
    try:
        await redis.execute_command(*search.create_index(names, dim, vectors))
    except redis_errors.ResponseError as exc:
        if "already exists" not in str(exc).lower():
            raise
        if (found := await _dimension(redis, names)) != dim:
            raise Permanent(
                f"the index holds vectors of {found} dimensions, this document's have {dim}: "
                "it was filled by another embedder; use another namespace for this one"
            ) from exc
    else:
        while int((await _info(redis, names))[b"indexing"]):  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(_LOOK_EVERY_S)


async def _info(redis: Redis, names: Namespace) -> dict[bytes, Any]:
    """FT.INFO (RESP2: names and values in turn)."""
    info: list[Any] = await redis.execute_command("FT.INFO", names.search_index)
    return dict(zip(info[::2], info[1::2], strict=False))


async def _dimension(redis: Redis, names: Namespace) -> int | None:
    """Dimensions of the index's vectors."""
    for attribute in (await _info(redis, names))[b"attributes"]:
        if b"dim" in attribute:
            return int(attribute[attribute.index(b"dim") + 1])
    return None


def write(
    names: Namespace, message: Index, old_chunks: int, vectors: VectorIndex = VECTORS
) -> list[Effect]:
    """Effects that swap a document's chunks for new ones.

    Args:
        names: the namespace.
        message: the chunks and their vectors, FP32 [n, dim].
        old_chunks: how many chunks the document had before.
        vectors: how the index keeps them.
    """
    chunks = message.chunks
    size = len(message.embeddings) // len(chunks)
    effects: list[Effect] = []
    for number in range(len(chunks)):
        vector = vectors.pack(message.embeddings[number * size : (number + 1) * size])
        effects += _write_chunk(names, message, number, vector)
    for number in range(len(chunks), old_chunks):
        effects.append(Effect("DEL", names.chunk(message.document_id, number)))
    return [*effects, _write_document(names, message), _known(names, message)]


def dimension(message: Index) -> int:
    """Length of the message's vectors."""
    return len(message.embeddings) // len(message.chunks) // _FP32_BYTES


def _write_chunk(names: Namespace, message: Index, number: int, vector: bytes) -> Iterator[Effect]:
    """Put a chunk in the place of the one that was there.

    Not by removing that one first: while a cluster moves the slot, its node refuses to make a key
    that it no longer has, and the commit would end half done.
    """
    chunk, key = message.chunks[number], names.chunk(message.document_id, number)
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
        "pages", message.pages or 0, "model", message.model, "version", message.version,
        "done", message.upload, "error_code", "", "error", "",
    )  # fmt: skip
    return Effect("HSET", names.document(message.document_id), fields)


def _known(names: Namespace, message: Index) -> Effect:
    return Effect("HSET", names.collections, (message.collection, 1))
