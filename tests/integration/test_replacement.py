"""Documents that change while they are searched, in a real Redis."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from services.retriever import handler as retriever
from services.retriever import index, life
from shared.delivery import Delivery, Stage
from shared.messages import Query, decode_index, encode_msgpack
from shared.redis import ensure_groups
from shared.streams import DATA, Entry, Namespace, decoded
from tests.integration.test_index import endings, index_message, nobody, vector

REPLACEMENTS = 1_000
DOCUMENTS = 30
# Names so long that a search's commands do not come to Redis in one piece: only a transaction
# keeps what others write from coming between them.
IDS = tuple(f"d{number}-{'long' * 45}" for number in range(DOCUMENTS))
WRITERS = 8
SEARCHERS = 2
MOST_CHUNKS = 6


_ALL = DOCUMENTS * MOST_CHUNKS
REACH = index.Reach(top_k=_ALL, candidates=_ALL, per_document=MOST_CHUNKS)


def chunk_count(version: int) -> int:
    return 1 + version % MOST_CHUNKS


async def replace_one(
    delivery: Delivery, stage: Stage[Any], redis: Any, number: int, version: int
) -> None:
    texts = [
        f"larch{number} version{version} part{part} larch" for part in range(chunk_count(version))
    ]
    message = index_message(IDS[number], texts, version=f"{version}-0")
    fields = {DATA: encode_msgpack(message)}
    entry_id = await redis.xadd(stage.stream, fields)
    await redis.xreadgroup("retriever", "t", {stage.stream: ">"})
    await delivery.process(stage, Entry(stage.stream, entry_id.decode(), fields))


async def seen_whole(redis: Any, names: Namespace) -> set[tuple[str, int]]:
    """Search all documents; returns the version of each, seen whole and alone."""
    query = Query(question="larch", collection="c", document_ids=IDS)
    active = await life.active(redis, names, nobody(), query)
    hits = await index.find(redis, names, active, query, vector().tobytes(), REACH)
    assert hits is not None
    texts: dict[str, list[str]] = {one: [] for one in IDS}
    for hit in hits:
        texts[hit.document_id].append(hit.text)
    seen = set()
    for document_id, found in texts.items():
        versions = {text.split()[1] for text in found}
        assert len(versions) == 1, f"mixed or empty: {found}"
        version = int(versions.pop().removeprefix("version"))
        assert len(found) == chunk_count(version)
        seen.add((document_id, version))
    return seen


async def test_a_search_sees_a_document_of_one_version_and_whole(
    redis: Any, namespace: str
) -> None:
    """An answer would cite words of two versions of a paper, or find the paper gone."""
    names = Namespace(namespace)
    await ensure_groups(redis, [(names.index, "retriever")])
    handle = partial(retriever.store, redis=redis, names=names, embedders=nobody())
    fail = endings(names).fail_document
    stage = Stage(names.index, "retriever", decoded(decode_index), handle, fail)
    delivery = Delivery(redis, names, "t")
    for number in range(DOCUMENTS):
        await replace_one(delivery, stage, redis, number, 1)
    orders: Iterator[int] = iter(range(2, REPLACEMENTS + 2))

    async def write() -> None:
        for order in orders:
            await replace_one(delivery, stage, redis, order % DOCUMENTS, order)

    async def look(done: asyncio.Event) -> set[tuple[str, int]]:
        seen = set()
        while not done.is_set():
            seen |= await seen_whole(redis, names)
        return seen

    done = asyncio.Event()
    looking = [asyncio.create_task(look(done)) for _ in range(SEARCHERS)]
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    done.set()
    seen = set().union(*await asyncio.gather(*looking))
    assert len(seen) > 3 * DOCUMENTS, "the searches must have met many versions"
