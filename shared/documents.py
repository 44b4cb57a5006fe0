"""What is known of documents: looked up, listed and removed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import WatchError

from shared import generations
from shared.generations import UNKNOWN
from shared.streams import Namespace

REMOVED = "removed"
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class DocumentState:
    """How far a document's ingestion is.

    Attributes:
        state: `received`, `ingested`, `failed`, `removed`, or `unknown`.
        chunks: chunks in the index.
        pages: None where the document has none.
        error_code: a code of shared/errors.py if it failed, else "".
        error: words for a person if it failed, else "".
        name: its file's name, if it had one.
        collection: "" until it was ingested for the first time.
        authors: as the document names them, parted by "; ".
        doi: its own, "" if it names none.
        missing: what of it could not be read, in words for a person; "" if nothing is missing.
    """

    id: str
    state: str
    chunks: int = 0
    pages: int | None = None
    title: str = ""
    error_code: str = ""
    error: str = ""
    name: str = ""
    collection: str = ""
    authors: str = ""
    doi: str = ""
    missing: str = ""


async def look_up(redis: Redis, names: Namespace, document_id: str) -> DocumentState:
    """What is known of a document; state `unknown` if nothing is."""
    record: dict[Any, Any] = await redis.hgetall(names.document(document_id))
    return _state(document_id, record)


async def look_up_all(
    redis: Redis, names: Namespace, document_ids: Sequence[str]
) -> list[DocumentState]:
    """What is known of several documents, in one round trip."""
    async with redis.pipeline(transaction=False) as pipe:
        for document_id in document_ids:
            pipe.hgetall(names.document(document_id))
        records = await pipe.execute()
    return [_state(found, record) for found, record in zip(document_ids, records, strict=True)]


async def each_document(
    redis: Redis, names: Namespace, collection: str | None = None
) -> AsyncIterator[DocumentState]:
    """Every document that was not removed, in no order; those of one collection if it is given."""
    prefix = names.document("")
    async for page in pages(redis, prefix):
        for key in page:
            found = await look_up(redis, names, key.decode().removeprefix(prefix))
            if found.state in ("unknown", REMOVED):
                continue
            if collection is None or found.collection == collection:
                yield found


async def pages(redis: Redis, prefix: str) -> AsyncIterator[list[bytes]]:
    """All keys that begin so, a page at a time; looks through all keys of Redis once."""
    cursor, more = 0, True
    while more:
        found: Any = await redis.scan(cursor, match=f"{_escaped(prefix)}*", count=_PAGE)
        cursor, page = found
        more = bool(cursor)
        if page:
            yield page


async def remove(redis: Redis, names: Namespace, document_id: str) -> DocumentState:
    """Take a document and its chunks out, in one step.

    A version of it that is still on its way to the index is dropped there: what stays of the
    document is the mark that it was removed, and when.

    Returns:
        What it was before; nothing is done where it is `unknown` or `removed` already.
    """
    record = names.document(document_id)
    while True:
        async with redis.pipeline(transaction=True) as pipe:
            await pipe.watch(record, names.generations)
            found = await look_up(redis, names, document_id)
            there = await generations.read(redis, names)
            number = (there.active or UNKNOWN).number
            if found.state in ("unknown", REMOVED):
                return found
            seconds, microseconds = await redis.time()
            version = f"{seconds * 1000 + microseconds // 1000}-0"
            stays: dict[Any, Any] = {b"state": REMOVED, b"version": version}
            goes = [one for one in await pipe.hkeys(record) if one not in stays]
            pipe.multi()
            for at in range(found.chunks):
                pipe.delete(names.chunk(number, document_id, at))
            # the key stays: a node whose slot moves refuses to make one anew
            pipe.hset(record, mapping=stays)
            if goes:
                pipe.hdel(record, *goes)
            if there.next:
                pipe.sadd(names.reembed, document_id)
            try:
                await pipe.execute()
            except WatchError:
                continue  # another version was written meanwhile: it goes, too; or the index moved
            return found


def _state(document_id: str, record: Mapping[bytes, bytes]) -> DocumentState:
    known = {name.decode(): value.decode() for name, value in record.items()}
    return DocumentState(
        id=document_id,
        state=_reached(known),
        chunks=int(known.get("chunks", 0)),
        pages=int(known.get("pages", 0)) or None,
        title=known.get("title", ""),
        error_code=known.get("error_code", ""),
        error=known.get("error", ""),
        name=known.get("name", ""),
        collection=known.get("collection", ""),
        authors=known.get("authors", ""),
        doi=known.get("doi", ""),
        missing=known.get("missing", ""),
    )


def _reached(record: Mapping[str, str]) -> str:
    """A document's state; what is said of an earlier upload than the last is not about it."""
    done, wanted = record.get("done", ""), record.get("wanted", "")
    return "received" if done and wanted and done != wanted else record.get("state", "unknown")


def _escaped(text: str) -> str:
    """Text without the meaning that some characters have in a pattern."""
    return "".join(f"\\{one}" if one in "*?[]^\\" else one for one in text)
