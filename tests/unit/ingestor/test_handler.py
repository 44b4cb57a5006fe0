"""What becomes of a document that was read: chunks for the embedder, and words beside it."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from services.ingestor.handler import ingest
from services.ingestor.jobs import Reading
from services.ingestor.settings import IngestorSettings
from services.ingestor.text import Unit
from shared.errors import NoText
from shared.messages import Document, decode_embed
from shared.streams import DATA, Effect, Entry, Namespace
from shared.triton import Triton

TEXT = Unit(text="Oaks grow.", page=1, section="Results", opens=True)
SOURCE = Unit(text="A. Ash (1999).", page=2, section="References", opens=True, part="reference")
READING = Reading(
    title="Oaks",
    pages=2,
    units=[TEXT, SOURCE],
    authors=("Ada Ash", "Bob Oak"),
    doi="10.1234/oak",
    missing="chapter 2",
)


class NoRecord:
    """A Redis that knows no document."""

    async def hgetall(self, _key: str) -> dict[bytes, bytes]:
        return {}


class Words:
    """A Triton that counts words."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


async def effects(reading: Reading, settings: IngestorSettings) -> list[Effect]:
    async def read(_name: str, _data: bytes) -> Reading:
        return reading

    return await ingest(
        Entry("rag:documents", "1-0"),
        Document(id="d", text="Oaks grow."),
        redis=cast("Redis", NoRecord()),
        triton=cast("Triton", Words()),
        names=Namespace("rag"),
        settings=settings,
        read=read,
    )


def sections(found: list[Effect]) -> list[str]:
    (message,) = [effect for effect in found if effect.command == "XADD"]
    arguments = message.arguments
    embed = decode_embed(cast("bytes", arguments[arguments.index(DATA) + 1]))
    return [chunk.section for chunk in embed.chunks]


async def test_lists_of_literature_are_kept_only_if_asked_for() -> None:
    """Titles of cited papers would be taken for what a paper says."""
    assert sections(await effects(READING, IngestorSettings())) == ["Results"]
    kept = IngestorSettings(keep_references=True)
    assert sections(await effects(READING, kept)) == ["Results", "References"]


async def test_a_list_of_literature_alone_is_no_text() -> None:
    """A document without a chunk would pass for one that was ingested."""
    with pytest.raises(NoText):
        await effects(Reading(title="t", pages=1, units=[SOURCE]), IngestorSettings())


async def test_authors_doi_and_what_is_missing_are_kept_beside_the_document() -> None:
    """Nobody could tell whose paper it is, nor that a part of it could not be read."""
    (record,) = [e for e in await effects(READING, IngestorSettings()) if e.command == "HSET"]
    told: dict[Any, Any] = dict(zip(record.arguments[::2], record.arguments[1::2], strict=True))
    assert told == {"authors": "Ada Ash; Bob Oak", "doi": "10.1234/oak", "missing": "chapter 2"}
    assert record.key == Namespace("rag").document("d")
