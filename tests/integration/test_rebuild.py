"""The index rebuilt by another model in a real Redis, while it is searched and written."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from services.retriever import life, rebuild
from services.retriever.filling import Told
from shared import generations
from shared.documents import remove
from shared.errors import OtherEmbedder, OutdatedIndex, RebuildRunning, UnknownCollection
from shared.generations import FIRST
from shared.streams import Namespace
from shared.triton import EMBEDDER
from tests.integration.rebuilds import BOTH, DONE_BEFORE_DEATH, NEW, OLD, SILENT, Library
from tests.redis_server import RedisAddress

DOCUMENTS = 12
MOST_CHUNKS = 4
WRITES = 100
SAME_LENGTH = ("another model", OLD[1])


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


@pytest.fixture
def library(redis: Any, names: Namespace) -> Library:
    return Library(redis, names)


def texts(document_id: str, version: int) -> list[str]:
    return [
        f"{document_id} version{version} part{part} larch"
        for part in range(1 + version % MOST_CHUNKS)
    ]


async def seen(library: Library, model: str = OLD[0]) -> tuple[dict[str, int], str]:
    """Version of each document that a search finds, each seen whole and alone; and the model."""
    hits, by = await library.answer("larch", model)
    found: dict[str, set[str]] = {}
    for hit in hits:
        found.setdefault(hit.document_id, set()).add(hit.text)
    versions = {}
    for document_id, parts in found.items():
        version = int(next(iter(parts)).split()[1].removeprefix("version"))
        assert sorted(parts) == sorted(texts(document_id, version)), "mixed or not whole"
        versions[document_id] = version
    assert len(hits) == sum(len(parts) for parts in found.values()), "found twice"
    return versions, by


async def left(redis: Any, names: Namespace) -> set[str]:
    """What there is beside documents, their chunks and streams."""
    keys = [key.decode() async for key in redis.scan_iter(match=f"{names.name}:*", count=1_000)]
    usual = (names.document(""), names.chunk_prefix(FIRST + 1), names.index, names.collections)
    return {key for key in keys if not key.startswith(usual)}


async def test_searches_go_on_while_the_index_is_rebuilt(
    redis: Any, names: Namespace, library: Library
) -> None:
    """An answer would miss documents, cite two versions of one, or compare two models' vectors."""
    ids = [f"d{number}" for number in range(DOCUMENTS)]
    for document_id in ids:
        await library.ingest(document_id, texts(document_id, 1))
    versions, gone = dict.fromkeys(ids, 1), {"d10", "d11"}
    numbers: Iterator[int] = iter(range(2, WRITES + 2))
    models: list[str] = []

    async def write() -> None:
        for number in numbers:
            document_id = ids[number % (DOCUMENTS - len(gone))]
            if number == WRITES // 2:
                for one in gone:
                    await remove(redis, names, one)
            versions[document_id] = number
            await library.ingest(document_id, texts(document_id, number), number)

    async def look(done: asyncio.Event) -> None:
        while not done.is_set():
            found, model = await seen(library)
            models.append(model)
            assert set(ids) - gone <= set(found)

    done = asyncio.Event()
    looking = asyncio.create_task(look(done))
    await asyncio.gather(library.rebuild(), write())
    done.set()
    await looking
    assert models[0] == OLD[0]
    assert sum(one != following for one, following in pairwise(models)) <= 1
    expected = {one: version for one, version in versions.items() if one not in gone}
    assert await seen(library, NEW[0]) == (expected, NEW[0])
    assert await left(redis, names) == {names.generations}
    assert not await life.exists(redis, names, FIRST)


async def test_a_killed_rebuild_goes_on_where_it_was(
    redis: Any, names: Namespace, library: Library, redis_server: RedisAddress
) -> None:
    """After a crash in its last hour a rebuild of a day would begin anew, or mix what is there."""
    ids = [f"d{number}" for number in range(DOCUMENTS)]
    for document_id in ids:
        await library.ingest(document_id, texts(document_id, 3))
    argv = [sys.executable, "-m", "tests.integration.rebuilds", redis_server.url, names.name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603, ASYNC220 - ours, and nothing else runs
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{redis_server.password}\n")
        child.stdin.flush()
        assert child.stdout.readline() == "half\n"
        child.kill()
    await redis.persist(names.rebuilding)  # its lock stays, however slow this machine is
    assert (await seen(library))[0] == dict.fromkeys(ids, 3)
    await library.ingest("d0", texts("d0", 5), 5)
    await remove(redis, names, "d1")
    with pytest.raises(RebuildRunning, match="15 s"):
        await library.rebuild()
    await redis.delete(names.rebuilding)  # as after those 15 s
    library.triton.texts.clear()
    await library.rebuild()
    assert library.triton.texts[NEW[0]] <= 1 + (DOCUMENTS - DONE_BEFORE_DEATH + 1) * MOST_CHUNKS
    expected = {**dict.fromkeys(ids, 3), "d0": 5}
    del expected["d1"]
    assert await seen(library, NEW[0]) == (expected, NEW[0])
    assert await left(redis, names) == {names.generations}


async def test_what_was_embedded_before_the_switch_is_embedded_again(
    redis: Any, names: Namespace, library: Library
) -> None:
    """What was on its way would bring the old model's vectors into the new index."""
    await library.ingest("a", ["red larch"])
    await library.rebuild()
    hits, model = await library.answer("larch", OLD[0])
    assert ([hit.text for hit in hits], model) == (["red larch"], NEW[0])
    await library.ingest("b", ["blue larch"], model=OLD[0])
    hits, _ = await library.answer("blue larch", NEW[0])
    assert {hit.text for hit in hits} == {"red larch", "blue larch"}
    found = await redis.hget(names.chunk(FIRST + 1, "b", 0), "embedding")
    assert len(found) == 4 * NEW[1]


async def test_a_search_finds_out_that_it_knows_another_generation(
    redis: Any, names: Namespace, library: Library
) -> None:
    """A retriever would go on with what was there when it began, or ask before each search."""
    await library.ingest("a", ["red larch"])
    assert await library.ask("larch")
    before = await _reads(redis)
    assert await library.ask("larch")
    assert await _reads(redis) == before
    await library.rebuild()
    library.triton.served.pop("embedder")
    hits, model = await library.answer("larch", NEW[0])
    assert ([hit.text for hit in hits], model) == (["red larch"], NEW[0])
    await redis.delete(names.generations)
    with pytest.raises(UnknownCollection):
        await library.ask("larch", NEW[0])


async def _reads(redis: Any) -> int:
    return int((await redis.info("commandstats"))["cmdstat_hgetall"]["calls"])


async def test_a_document_that_changes_while_it_is_embedded_waits_again(
    redis: Any, names: Namespace, library: Library
) -> None:
    """The new index would hold what the document said before."""
    await library.ingest("a", ["red larch"])
    fill = library.filling(await library.begin())
    embed = library.triton.embed

    async def slow(*args: Any, **kwargs: Any) -> Any:
        library.triton.embed = embed  # type: ignore[method-assign]  # a fake is ours to change
        await library.ingest("a", ["blue larch", "green larch"], 2)
        return await embed(*args, **kwargs)

    library.triton.embed = slow  # type: ignore[method-assign]  # as above
    assert not await fill.carry("a")
    assert not await rebuild.switch(redis, names, fill.generation)
    assert await fill.carry("a")
    assert await rebuild.switch(redis, names, fill.generation)
    assert {hit.text for hit in await library.ask("larch")} == {"blue larch", "green larch"}


async def test_two_rebuilds_at_once_are_refused(redis: Any, names: Namespace) -> None:
    """All documents would be embedded twice."""
    async with rebuild.held(redis, names):
        with pytest.raises(RebuildRunning, match="another"):
            async with rebuild.held(redis, names):
                pass
    async with rebuild.held(redis, names):
        pass


async def test_a_process_that_lost_its_rebuild_writes_nothing(
    redis: Any, names: Namespace, library: Library
) -> None:
    """One that was frozen would write what has changed since into an index that is searched."""
    await library.ingest("a", ["red larch"])
    frozen = library.filling(await library.begin())
    await library.rebuild()
    await redis.sadd(names.reembed, "a")
    with pytest.raises(RebuildRunning, match="another process"):
        await frozen.carry("a")
    with pytest.raises(RebuildRunning, match="another process"):
        await rebuild.switch(redis, names, frozen.generation)


async def test_a_later_rebuild_believes_only_its_own_list(
    redis: Any, names: Namespace, library: Library
) -> None:
    """After a process that was frozen while it listed documents, the next index would miss them."""
    await library.ingest("a", ["red larch"])
    await library.ingest("b", ["blue larch"])
    await library.rebuild()
    await redis.sadd(names.reembed, "a")  # as the frozen one does when it wakes up
    await redis.hset(names.generations, "listed", FIRST + 1)
    library.triton.served["embedder_next"] = SAME_LENGTH
    await library.rebuild()
    assert len(await library.ask("larch", SAME_LENGTH[0])) == 2


async def test_a_rebuild_can_be_given_up(redis: Any, names: Namespace, library: Library) -> None:
    """A model that turned out to be bad could not be got rid of."""
    await library.ingest("a", ["red larch"])
    await library.filling(await library.begin()).carry("a")
    library.triton.served = {"embedder": OLD}
    with pytest.raises(OtherEmbedder, match="new model"):
        await library.rebuild()
    assert await rebuild.abandon(redis, names)
    await rebuild.remove_old(redis, names)
    assert await rebuild.begin(redis, names, library.embedders) is None
    assert await left(redis, names) == {names.generations, names.chunk(FIRST, "a", 0)}
    assert [hit.text for hit in await library.ask("larch")] == ["red larch"]


async def test_there_may_be_nothing_to_rebuild(
    redis: Any, names: Namespace, library: Library
) -> None:
    """A second run would embed everything once more."""
    assert await rebuild.begin(redis, names, library.embedders) is None
    await library.ingest("a", ["red larch"])
    await library.rebuild()
    assert await rebuild.begin(redis, names, library.embedders) is None


async def test_a_model_that_nobody_serves_is_an_error_with_a_way_out(library: Library) -> None:
    """A model exchanged under the index would find passages at random."""
    await library.ingest("a", ["red larch"])
    library.triton.served = {"embedder": NEW}
    with pytest.raises(OtherEmbedder, match=r"old model.*new model.*ragstream index rebuild"):
        await library.answer("larch", NEW[0])
    await library.rebuild()
    assert [hit.text for hit in await library.ask("larch", NEW[0])] == ["red larch"]


async def test_an_index_from_before_becomes_the_first(
    redis: Any, names: Namespace, library: Library
) -> None:
    """After an upgrade its documents would be there, and no search would find one."""
    await library.ingest("a", ["red larch"])
    await redis.delete(names.generations)  # as the release before left it
    assert [hit.text for hit in await library.ask("larch", EMBEDDER)] == ["red larch"]
    await library.ingest("b", ["blue larch"], model=EMBEDDER)
    assert len(await library.ask("larch")) == 2
    there = (await generations.read(redis, names)).active
    assert there == generations.Generation(number=FIRST, schema=1, model=OLD[0], dim=OLD[1])


async def test_a_first_document_may_come_from_the_release_before(
    redis: Any, names: Namespace, library: Library
) -> None:
    """The index would be of a model that nobody serves, and no question be answered."""
    await library.ingest("a", ["red larch"], model=EMBEDDER)
    assert [hit.text for hit in await library.ask("larch")] == ["red larch"]
    assert (await generations.read(redis, names)).active is not None


async def test_an_index_from_before_of_another_model_is_refused_and_rebuilt(
    redis: Any, names: Namespace, library: Library
) -> None:
    """An embedder exchanged together with the release would find passages at random."""
    await library.ingest("a", ["red larch"])
    await redis.delete(names.generations)
    library.triton.served = {"embedder": SAME_LENGTH}
    with pytest.raises(OutdatedIndex, match="ragstream index rebuild"):
        await library.ask("larch", SAME_LENGTH[0])
    await library.rebuild()
    found = await library.ask("larch", SAME_LENGTH[0])
    assert [hit.text for hit in found] == ["red larch"]
    assert await redis.exists(names.chunk(FIRST, "a", 0)) == 0
    assert (await generations.read(redis, names)).old is None


async def test_the_progress_is_told(redis: Any, names: Namespace) -> None:
    """A bar would stand still for a day."""
    library = Library(redis, names, BOTH)
    for number in range(5):
        await library.ingest(f"d{number}", ["larch"])
    told: list[int] = []
    await library.rebuild(Told(waiting=told.append, trouble=SILENT.trouble))
    assert (len(told), min(told)) == (5, 0)
