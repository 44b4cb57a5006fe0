"""What the ingestor does: a document's bytes to chunks with page and section."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio import Redis

from services.ingestor import chunking
from services.ingestor.documents import check_bytes, unchanged
from services.ingestor.jobs import Reading
from services.ingestor.settings import IngestorSettings
from services.ingestor.text import Unit
from shared.errors import MissingUpload, NoText
from shared.messages import Chunk, Document, Embed
from shared.streams import Effect, Entry, Namespace, publish
from shared.triton import Triton


async def ingest(
    entry: Entry,
    document: Document,
    *,
    redis: Redis,
    triton: Triton,
    names: Namespace,
    settings: IngestorSettings,
    read: Callable[[str, bytes], Awaitable[Reading]],
) -> list[Effect]:
    """Read a document, cut it into chunks and hand these to the embedder.

    The same bytes again lead to nothing but the word that they are ingested.
    """
    data = await _bytes(document, redis, names)
    sha256 = check_bytes(document, data, max_bytes=settings.max_document_bytes)
    uploaded = [Effect("DEL", names.upload(document.upload))] if document.upload else []
    record: dict[Any, Any] = await redis.hgetall(names.document(document.id))
    if unchanged(document, sha256, record):
        fields = ("state", "ingested", "done", document.upload or "", "error_code", "", "error", "")
        return [Effect("HSET", names.document(document.id), fields), *uploaded]
    source = await read(_name(document), data)
    embed = Embed(
        document_id=document.id,
        collection=document.collection,
        name=document.name,
        title=document.title or source.title,
        sha256=sha256,
        pages=source.pages,
        chunks=await _chunks(source.units, triton, settings),
        version=entry.id,
        upload=document.upload or "",
        traceparent=document.traceparent,
    )
    return [_described(names, document.id, source), publish(names.embed, embed), *uploaded]


def _described(names: Namespace, document_id: str, source: Reading) -> Effect:
    """Keep beside a document what no chunk carries: who wrote it, and what could not be read."""
    fields = ("authors", "; ".join(source.authors), "doi", source.doi, "missing", source.missing)
    return Effect("HSET", names.document(document_id), fields)


def _name(document: Document) -> str:
    """What tells the reader the type; inline text is text, whatever it is called."""
    return f"{document.id}.txt" if document.text is not None else document.name or document.id


async def _bytes(document: Document, redis: Redis, names: Namespace) -> bytes:
    if document.upload is None:
        return document.content if document.content is not None else (document.text or "").encode()
    data: Any = await redis.get(names.upload(document.upload))
    if data is None:
        raise MissingUpload(f"no bytes under {names.upload(document.upload)}: ingest it again")
    return bytes(data)


async def _chunks(
    units: Sequence[Unit], triton: Triton, settings: IngestorSettings
) -> tuple[Chunk, ...]:
    if not settings.keep_references:  # they name every subject and explain none
        units = [unit for unit in units if unit.part != "reference"]
    if not units:
        raise NoText("the document holds no sentence")
    counts = await triton.count_tokens([unit.text for unit in units])
    chunks = await asyncio.to_thread(  # a long document takes a while: others go on meanwhile
        chunking.assemble, units, counts, settings.chunk_tokens, settings.overlap_tokens
    )
    return tuple(
        Chunk(
            text=chunk.text,
            page=chunk.page,
            section=chunk.section,
            tokens=chunk.tokens,
            page_runs=chunk.page_runs,
        )
        for chunk in chunks
    )
