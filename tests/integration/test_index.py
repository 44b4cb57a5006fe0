"""The index in a real Redis: who is found, in which scope, and by nobody's query syntax."""

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import redis.exceptions as redis_errors

from services.retriever import handler as retriever
from services.retriever import index, life, search
from shared.answers import Endings
from shared.delivery import Delivery, Stage, classify
from shared.errors import RedisUnavailable, UnknownCollection, UnknownDocument
from shared.generations import FIRST
from shared.messages import Chunk, Hit, Index, Query, decode_index, encode_msgpack
from shared.redis import ensure_groups
from shared.streams import DATA, Entry, Namespace, Retention, decoded

DIM = 4
REACH = index.Reach(top_k=10, candidates=10, per_document=10)
RNG = np.random.default_rng(7)


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


def vector() -> np.ndarray[Any, Any]:
    drawn = RNG.normal(size=DIM).astype("<f4")
    return np.asarray(drawn / np.linalg.norm(drawn))


async def store(
    redis: Any, names: Namespace, texts: Mapping[str, list[str]], collection: str = "c"
) -> None:
    """Write documents through the commit path, as the retriever does."""
    stage = Stage(names.index, "retriever", decoded(decode_index), None, None)  # type: ignore[arg-type]  # only its names are used
    await ensure_groups(redis, [(stage.stream, stage.group)])
    delivery = Delivery(redis, names, "test")
    for document_id, chunks in texts.items():
        message = index_message(document_id, chunks, collection)
        await life.ensure(redis, names, message.model, index.dimension(message))
        await redis.xadd(stage.stream, {"x": "x"})
        [[_, [(entry_id, _)]]] = await redis.xreadgroup("retriever", "t", {stage.stream: ">"})
        old = int(await redis.hget(names.document(document_id), "chunks") or 0)
        entry = Entry(stage.stream, entry_id.decode())
        assert await delivery.commit(stage, entry, index.write(names, FIRST, message, old)) == 1


def index_message(
    document_id: str, texts: list[str], collection: str = "c", version: str = ""
) -> Index:
    return Index(
        document_id=document_id,
        collection=collection,
        name="",
        title="",
        sha256="",
        chunks=tuple(Chunk(text=text, tokens=3) for text in texts),
        embeddings=b"".join(vector().tobytes() for _ in texts),
        version=version,
    )


def nobody() -> Any:
    """Embedders that are not asked."""
    return None


def endings(names: Namespace) -> Endings:
    return Endings(names, Retention(query_s=60, answer_s=60, tokens_s=60), time.time)


async def find(redis: Any, names: Namespace, **asked: Any) -> list[Hit]:
    query = Query(**{"question": "none", "collection": "c", **asked})
    active = await life.active(redis, names, nobody(), query)
    found = await index.find(redis, names, active, query, vector().tobytes(), REACH)
    assert found is not None
    return list(found)


async def test_words_count_in_full_inside_a_scope(redis: Any, names: Namespace) -> None:
    """RediSearch's default union forgets words as soon as a TAG narrows the search."""
    filler = [f"species number {number} in plot {number}" for number in range(30)]
    telling = "rarefied richness for the same number of individuals of a species"
    await store(redis, names, {"first": [telling, *filler[:15]], "second": filler[15:]})
    command = search.lexical(
        names.search_index(FIRST),
        "c",
        [],
        "Why is richness rarefied to the same number of individuals?",
        5,
    )
    assert command is not None
    hits = search.read_hits(names.chunk_prefix(FIRST), await redis.execute_command(*command))
    assert next(iter(hits.values())).text == telling


async def test_a_scope_is_kept(redis: Any, names: Namespace) -> None:
    """A question about one paper would be answered from another."""
    await store(redis, names, {"a": ["red oak"], "b": ["red beech"]})
    await store(redis, names, {"x": ["red secret"]}, collection="other")
    assert {hit.document_id for hit in await find(redis, names, question="red")} == {"a", "b"}
    only = await find(redis, names, question="red", document_ids=("b",))
    assert {hit.document_id for hit in only} == {"b"}


@pytest.mark.parametrize(
    "question",
    [
        "red) | @collection:{other} (secret",
        "* | @collection:{other}",
        "@text:secret",
        "red}=>[KNN 9 @embedding $vector]",
        "\\",
        '"',
        "-oak ~red %secret%",
        "$collection",
        "_",
        "_ beech __",
    ],
)
async def test_a_question_is_no_query_syntax(redis: Any, names: Namespace, question: str) -> None:
    """A question could read another collection, or break the search."""
    await store(redis, names, {"a": ["red oak"]})
    await store(redis, names, {"x": ["red secret"]}, collection="other")
    assert {hit.document_id for hit in await find(redis, names, question=question)} == {"a"}


async def test_what_is_not_there_is_named(redis: Any, names: Namespace) -> None:
    """A typo would look like a document that says nothing."""
    with pytest.raises(UnknownCollection, match="c"):
        await find(redis, names)
    await store(redis, names, {"a": ["red oak"]})
    await store(redis, names, {"x": ["red secret"]}, collection="other")
    with pytest.raises(UnknownCollection, match="none"):
        await find(redis, names, collection="none")
    with pytest.raises(UnknownDocument, match="zzz"):
        await find(redis, names, document_ids=("a", "zzz"))
    with pytest.raises(UnknownDocument, match="x"):
        await find(redis, names, document_ids=("x",))


async def test_a_shorter_version_leaves_no_old_chunk(redis: Any, names: Namespace) -> None:
    """An answer would cite what the document no longer says."""
    await store(redis, names, {"a": ["red oak", "red beech", "red ash"]})
    await store(redis, names, {"a": ["red larch"]})
    assert [hit.text for hit in await find(redis, names, question="red")] == ["red larch"]


async def test_two_versions_at_the_same_time_leave_one(redis: Any, names: Namespace) -> None:
    """Chunks of an old version would stay for ever among those of the new one."""
    await ensure_groups(redis, [(names.index, "retriever")])
    handle = partial(retriever.store, redis=redis, names=names, embedders=nobody())
    stage = Stage(
        names.index, "retriever", decoded(decode_index), handle, endings(names).fail_document
    )
    entries = []
    for version, texts in (("9-0", ["old a", "old b", "old c"]), ("10-0", ["new"])):
        message = index_message("d", texts, version=version)
        entry_id = await redis.xadd(names.index, {DATA: encode_msgpack(message)})
        await redis.xreadgroup("retriever", "t", {names.index: ">"})
        fields = {DATA: encode_msgpack(message)}
        entries.append(Entry(names.index, entry_id.decode(), fields))
    delivery = Delivery(redis, names, "t")
    await asyncio.gather(*(delivery.process(stage, entry) for entry in reversed(entries)))
    hits = await find(redis, names, question="old new")
    assert [hit.text for hit in hits] == ["new"]


async def test_a_lost_index_is_an_outage(redis: Any, names: Namespace) -> None:
    """Questions would become dead letters where a cluster has moved their namespace."""
    await store(redis, names, {"a": ["tide"]})
    await redis.execute_command("FT.DROPINDEX", names.search_index(FIRST))
    with pytest.raises(redis_errors.ResponseError) as lost:
        await find(redis, names, question="tide")
    assert isinstance(classify(lost.value), RedisUnavailable)
    await store(redis, names, {"b": ["moon"]})
    assert {hit.document_id for hit in await find(redis, names, question="tide")} == {"a", "b"}
