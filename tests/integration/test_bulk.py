"""A run of many questions over a real Redis, with a worker of the test's own."""

import asyncio
import csv
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from services.cli import journal
from services.cli.batch_run import Told, carry_out, catch_up
from services.cli.journal import beside, load, opened
from services.cli.runs import Run
from shared.bulk import Bulk, Position
from shared.errors import InvalidMessage, InvalidQuery, Overloaded, RedisUnavailable
from shared.messages import Answer, Query
from shared.redis import ensure_groups
from shared.streams import DATA, Namespace
from tests.integration.pipelines import Handle, Pipeline, fails, ragstream
from tests.integration.test_index import store
from tests.made_runs import new_run
from tests.redis_server import RedisAddress

HOUR_S = 3600
WITHIN_S = 60
QUIET = Told(left=lambda _count: None, trouble=lambda _words: None)


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


@pytest.fixture
def pipeline(redis: Any, names: Namespace) -> Pipeline:
    return Pipeline(redis, names)


@pytest.fixture
def bulk(redis: Any, names: Namespace) -> Bulk:
    return Bulk(redis, names, "run-1", high_water=5)


async def asked(redis: Any, names: Namespace) -> int:
    """Entries that were ever added to the bulk lane."""
    if not await redis.exists(names.lane(names.queries, "bulk")):
        return 0
    return int((await redis.xinfo_stream(names.lane(names.queries, "bulk")))["entries-added"])


@asynccontextmanager
async def working(pipeline: Pipeline, handle: Handle | None = None) -> AsyncIterator[None]:
    """A worker that answers what comes on the bulk lane while the block runs."""
    stage = pipeline.entrance(handle or pipeline.answer, bulk=True)
    await ensure_groups(pipeline.redis, [(stage.stream, stage.group)])

    done = asyncio.Event()  # redis-py may swallow a cancellation

    async def work() -> None:
        while not done.is_set():
            waiting = await pipeline.redis.xlen(stage.stream)
            await (pipeline.run(stage) if waiting else asyncio.sleep(0.01))

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        try:
            yield
        finally:
            done.set()


async def test_a_question_is_published_once_however_often_it_is_asked(
    redis: Any, names: Namespace, bulk: Bulk
) -> None:
    """A crash between asking and writing it down would ask twice."""
    for _ in range(3):
        await bulk.ask(Query(id="run-1.a.0", question="q", priority="bulk"))
    await Bulk(redis, names, "run-1").ask(Query(id="run-1.a.0", question="q", priority="bulk"))
    await bulk.ask(Query(id="run-1.b.0", question="q", priority="bulk"))
    assert await asked(redis, names) == 2
    assert 0 < await redis.ttl(names.asked("run-1")) <= 7 * 24 * HOUR_S


async def test_room_is_asked_for_only_where_something_is_published(
    redis: Any, names: Namespace, bulk: Bulk
) -> None:
    """A run that goes on would wait for room for what waits already, or flood a full lane."""
    for number in range(5):
        await bulk.ask(Query(id=f"run-1.{number}.0", question="q", priority="bulk"))
    with pytest.raises(Overloaded):
        await bulk.ask(Query(id="run-1.more.0", question="q", priority="bulk"))
    await bulk.ask(Query(id="run-1.4.0", question="q", priority="bulk"))
    assert await asked(redis, names) == 5
    assert not await redis.hexists(names.asked("run-1"), "run-1.more.0")


async def test_a_question_out_of_bounds_is_refused_at_once(bulk: Bulk) -> None:
    """It would fail for each paper, hours later."""
    with pytest.raises(InvalidMessage):
        await bulk.ask(Query(id="x" * 201, question="q", priority="bulk"))


async def test_strangers_entries_among_answers_are_passed(
    redis: Any, names: Namespace, bulk: Bulk
) -> None:
    """One bad entry would end every run on that Redis."""
    await redis.xadd(names.answers, {DATA: b"\xff"})
    await redis.xadd(names.answers, {"x": "y"})
    [(_, first), (after, second)] = await bulk.answers("0-0", wait_ms=1)
    assert (first.query_id, second.query_id) == ("", "")
    assert await bulk.answers(after, wait_ms=1) == []


async def test_a_run_reads_on_from_where_it_stood(
    pipeline: Pipeline, bulk: Bulk, redis: Any, names: Namespace, tmp_path: Path
) -> None:
    """What was answered while nobody was there would be lost, or asked once more."""
    path, run = tmp_path / "j", new_run(4, 5)
    cells = list(run.cells())
    with opened(path) as written:
        written.append([run.begun, run.planned])
        for cell in cells[:5]:
            await bulk.ask(run.query(cell))
    async with working(pipeline):
        with opened(path) as written:
            again = Run.of(written.lines)
            assert again is not None
            await until_answered(redis, names, 5)
            after = await catch_up(again, written, bulk, kept_s=HOUR_S)
            assert len(again.pending()) == 15
            async with asyncio.timeout(WITHIN_S):
                await carry_out(again, written, bulk, after, QUIET)
    assert await asked(redis, names) == await redis.xlen(names.answers) == 20
    assert len(load_lines(path).answers) == 20


async def test_who_was_away_too_long_asks_again_under_new_ids(
    pipeline: Pipeline, bulk: Bulk, redis: Any, names: Namespace, tmp_path: Path
) -> None:
    """A run would wait for ever for answers that were trimmed, since their ids are remembered."""
    run = new_run(2, 1)
    run.position = Position("1-0", 1)
    with opened(tmp_path / "j") as written:
        written.append([run.begun, run.planned])
        async with working(pipeline):
            for cell in run.cells():
                await bulk.ask(run.query(cell))
            await until_answered(redis, names, 2)
            await redis.xtrim(
                names.answers, maxlen=1, approximate=False
            )  # as the workers do in time
            after = await catch_up(run, written, bulk, kept_s=HOUR_S)
            [lost] = run.pending()
            assert run.query(lost).id.endswith(".1")
            async with asyncio.timeout(WITHIN_S):
                await carry_out(run, written, bulk, after, QUIET)
        assert run.pending() == []
        assert await asked(redis, names) == 3
        assert await catch_up(run, written, bulk, kept_s=HOUR_S)
        assert run.pending() == []


async def test_a_redis_that_went_away_is_waited_for(
    pipeline: Pipeline, bulk: Bulk, tmp_path: Path, redis: Any, names: Namespace
) -> None:
    """A restart of Redis in the night would end the run."""
    run, said = new_run(3, 1), list[str]()
    lefts = list[int]()
    told = Told(left=lefts.append, trouble=said.append)
    with opened(tmp_path / "j") as written:
        written.append([run.begun, run.planned])
        async with working(pipeline):
            away = AwayAtFirst(bulk)
            async with asyncio.timeout(WITHIN_S):
                await carry_out(run, written, away, "0-0", told)  # type: ignore[arg-type]  # as much of it as is used
    assert said == ["Redis is away: gone: waiting for it"] * 2
    assert (lefts[0], lefts[-1]) == (3, 0)
    assert await asked(redis, names) == 3


class AwayAtFirst:
    """A way to Redis that is cut at the first use of each kind."""

    def __init__(self, bulk: Bulk) -> None:
        self._bulk = bulk
        self._cut = {"ask", "answers"}

    async def ask(self, query: Query) -> None:
        await self._bulk.ask(query)
        self._fail("ask")  # it was published, and nobody knows

    async def answers(self, after: str, *, wait_ms: int) -> list[tuple[str, Answer]]:
        self._fail("answers")
        return await self._bulk.answers(after, wait_ms=wait_ms)

    def _fail(self, what: str) -> None:
        if what in self._cut:
            self._cut.discard(what)
            raise RedisUnavailable("Redis is away: gone")


async def until_answered(redis: Any, names: Namespace, count: int) -> None:
    """Poll: Redis sends no event for this."""
    async with asyncio.timeout(WITHIN_S):
        while await redis.xlen(names.answers) < count:  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.01)


def load_lines(path: Path) -> Run:
    whole, _ = journal.parse(path.read_bytes(), path)
    run = Run.of(whole)
    assert run is not None
    return run


async def command(
    server: RedisAddress, names: Namespace, folder: Path, *words: str, out: str = "a.csv"
) -> Result:
    """`ragstream batch` of two questions."""
    (folder / "q.txt").write_text("Which oak?\nWhich ash?\n")
    asked = ("batch", str(folder / "q.txt"), "--collection", "c", "--out", str(folder / out))
    async with asyncio.timeout(WITHIN_S):
        return await ragstream(server, names.name, *asked, *words)


async def test_the_command_asks_every_document_and_says_how_it_went(
    redis: Any, names: Namespace, pipeline: Pipeline, redis_server: RedisAddress, tmp_path: Path
) -> None:
    """A researcher would have no table at the end of the night, or one with other papers in it."""
    await store(redis, names, {"b": ["red oak"], "a": ["red ash"]})
    await store(redis, names, {"x": ["red secret"]}, collection="other")
    report = tmp_path / "r.html"
    async with working(pipeline):
        words = ("--per-document", "--report", str(report))
        result = await command(redis_server, names, tmp_path, *words)
    assert result.exit_code == 0, result.output
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = [(row["document_id"], row["question_id"]) for row in csv.DictReader(file)]
    assert rows == [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]
    assert "        2          0          0  1  Which oak?" in result.stdout.splitlines()
    with (tmp_path / "a.csv.summary.csv").open(newline="") as file:
        assert [row["answered"] for row in csv.DictReader(file)] == ["2", "2"]
    assert "Forty." in report.read_text("utf-8")
    assert len(load(tmp_path / "a.csv").answers) == 4


async def test_what_failed_is_asked_again_only_when_told_to(
    redis: Any, names: Namespace, pipeline: Pipeline, redis_server: RedisAddress, tmp_path: Path
) -> None:
    """A failure would stay for ever, or be paid for at each start."""
    await store(redis, names, {"a": ["red ash"]})
    words = ("--per-document", "--json")
    async with working(pipeline, fails(InvalidQuery("no"))):
        first = await command(redis_server, names, tmp_path, *words)
    assert first.exit_code == 29
    told = json.loads(first.stdout.splitlines()[-1])  # after what our worker logs
    assert [one["failed"] for one in told["questions"]] == [1, 1]
    async with working(pipeline):
        same = await command(redis_server, names, tmp_path, *words)
        assert (same.exit_code, await asked(redis, names)) == (29, 2)
        retried = await command(redis_server, names, tmp_path, *words, "--retry-failed")
    assert (retried.exit_code, await asked(redis, names)) == (0, 4)


async def test_what_an_operator_redrove_is_picked_up(
    names: Namespace, pipeline: Pipeline, redis_server: RedisAddress, tmp_path: Path
) -> None:
    """The answers of questions that were repaired would never reach the table."""
    async with working(pipeline, fails(InvalidQuery("no"))):
        assert (await command(redis_server, names, tmp_path)).exit_code == 29
    redriven = await ragstream(redis_server, names.name, "dead", "redrive", "--all")
    assert redriven.exit_code == 0, redriven.output
    async with working(pipeline):
        await until_answered(pipeline.redis, names, 4)
    assert (await command(redis_server, names, tmp_path)).exit_code == 0


async def test_a_file_of_no_run_is_not_written_over(
    names: Namespace, redis_server: RedisAddress, tmp_path: Path
) -> None:
    """A mistyped name would cost a file that has nothing to do with runs."""
    (tmp_path / "a.csv").write_text("mine")
    assert (await command(redis_server, names, tmp_path)).exit_code == 11
    assert (tmp_path / "a.csv").read_text() == "mine"


async def test_a_collection_can_be_asked_as_a_whole(
    redis: Any, names: Namespace, pipeline: Pipeline, redis_server: RedisAddress, tmp_path: Path
) -> None:
    """Without --per-document each question would be asked of every paper, or of none."""
    async with working(pipeline):
        result = await command(redis_server, names, tmp_path, out="a.jsonl")
    assert (result.exit_code, await asked(redis, names)) == (0, 2)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(line["question"], line["document_id"]) for line in lines] == [
        ("Which oak?", ""),
        ("Which ash?", ""),
    ]


async def test_a_file_of_another_run_is_left_alone(
    names: Namespace, pipeline: Pipeline, redis_server: RedisAddress, tmp_path: Path
) -> None:
    """Answers of two prompts would end in one table."""
    async with working(pipeline):
        await command(redis_server, names, tmp_path)
        before = (tmp_path / "a.csv").read_bytes()
        other = await command(redis_server, names, tmp_path, "--profile", "stuff")
    assert other.exit_code == 11
    assert "profile was cited" in other.stderr
    assert (tmp_path / "a.csv").read_bytes() == before
    beside(tmp_path / "b.csv").write_text('{"type":"planned","questions":[]}\n')
    assert (await command(redis_server, names, tmp_path, out="b.csv")).exit_code == 11


async def test_what_cannot_be_asked_is_said_before_anything_is_asked(
    redis: Any, names: Namespace, redis_server: RedisAddress, tmp_path: Path
) -> None:
    """A mistyped collection would fail once for each question, or wait for ever."""
    await store(redis, names, {"a": ["red ash"]})
    unknown = await command(redis_server, names, tmp_path, "--per-document", "--document", "zzz")
    assert (unknown.exit_code, "no document zzz" in unknown.stderr) == (20, True)
    words = ("--per-document", "--collection", "none")
    empty = await command(redis_server, names, tmp_path, *words)
    assert (empty.exit_code, "no document in collection none" in empty.stderr) == (11, True)
    assert (await command(redis_server, names, tmp_path, "--document", "a")).exit_code == 2
    assert (await command(redis_server, names, tmp_path, out="a.xlsx")).exit_code == 11
    assert await asked(redis, names) == 0
    assert os.listdir(tmp_path) == ["q.txt"]  # noqa: PTH208 - what pathlib has for it may not be used in coroutines
