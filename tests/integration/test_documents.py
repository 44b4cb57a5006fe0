"""Documents listed and removed in a real Redis."""

from functools import partial
from typing import Any

import pytest

from services.retriever import handler as retriever
from shared.delivery import Delivery, Stage
from shared.documents import each_document, look_up, remove
from shared.errors import UnknownDocument
from shared.messages import decode_index, encode_msgpack
from shared.redis import ensure_groups
from shared.streams import DATA, Entry, Namespace, decoded
from tests.integration.test_index import endings, find, index_message, nobody, store


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


async def test_documents_are_listed_by_collection(redis: Any, names: Namespace) -> None:
    """An operator could not tell what can be asked about."""
    await store(redis, names, {"a": ["red oak", "red ash"], "b": ["red beech"]})
    await store(redis, names, {"x": ["red secret"]}, collection="other")
    found = {one.id: one async for one in each_document(redis, names)}
    assert {(one.id, one.chunks, one.collection) for one in found.values()} == {
        ("a", 2, "c"),
        ("b", 1, "c"),
        ("x", 1, "other"),
    }
    assert [one.id async for one in each_document(redis, names, "other")] == ["x"]


async def test_what_is_removed_is_found_no_more(redis: Any, names: Namespace) -> None:
    """A withdrawn paper would go on being cited."""
    await store(redis, names, {"a": ["red oak", "red ash"], "b": ["red beech"]})
    assert (await remove(redis, names, "a")).chunks == 2
    assert [hit.document_id for hit in await find(redis, names, question="red")] == ["b"]
    with pytest.raises(UnknownDocument, match="a"):
        await find(redis, names, question="red", document_ids=("a",))
    assert [one.id async for one in each_document(redis, names)] == ["b"]
    assert (await remove(redis, names, "a")).state == "removed"
    assert (await remove(redis, names, "zzz")).state == "unknown"
    assert (await look_up(redis, names, "zzz")).state == "unknown"


@pytest.mark.parametrize(("version", "there"), [("1-0", False), ("99999999999999-0", True)])
async def test_a_removed_document_comes_back_only_when_ingested_anew(
    redis: Any, names: Namespace, version: str, *, there: bool
) -> None:
    """A version on its way to the index would bring back what was just removed."""
    await store(redis, names, {"a": ["red oak"]})
    await remove(redis, names, "a")
    await ensure_groups(redis, [(names.index, "retriever")])
    handle = partial(retriever.store, redis=redis, names=names, embedders=nobody())
    fail = endings(names).fail_document
    stage = Stage(names.index, "retriever", decoded(decode_index), handle, fail)
    fields = {DATA: encode_msgpack(index_message("a", ["red larch"], version=version))}
    entry_id = await redis.xadd(names.index, fields)
    await redis.xreadgroup("retriever", "t", {names.index: ">"})
    await Delivery(redis, names, "t").process(stage, Entry(names.index, entry_id.decode(), fields))
    assert [one.id async for one in each_document(redis, names)] == (["a"] if there else [])
