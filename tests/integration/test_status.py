"""What operators see of the pipeline, against a real Redis."""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import pytest

from services.cli import pipeline_view
from shared import pipeline as looking
from shared.client import RagstreamClient
from shared.errors import Cancelled, InvalidQuery
from shared.messages import Query
from shared.pipeline import look
from shared.stages import StageView, places, with_rates
from shared.streams import DATA, Namespace
from shared.whereabouts import find
from tests.integration.pipelines import Pipeline, fails, ragstream
from tests.redis_server import RedisAddress


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


@pytest.fixture
def pipeline(redis: Any, names: Namespace) -> Pipeline:
    return Pipeline(redis, names)


@pytest.fixture
def client(redis_server: RedisAddress, namespace: str) -> RagstreamClient:
    return RagstreamClient(redis_server.url, password=redis_server.password, namespace=namespace)


async def stage(redis: Any, names: Namespace, name: str) -> StageView:
    view = await look(redis, names)
    return next(stage for stage in view.stages if stage.name == name)


async def ask(redis: Any, names: Namespace, *ids: str) -> None:
    for query_id in ids:
        await redis.xadd(names.queries, {"question": "Why?", "id": query_id})


async def test_an_empty_namespace_has_every_stage(redis: Any, names: Namespace) -> None:
    """`status` would fail on a new deployment."""
    view = await look(redis, names)
    assert [stage.name for stage in view.stages] == [place.name for place in places(names)]
    assert {(stage.length, stage.lag, stage.oldest_s) for stage in view.stages} == {(0, 0, None)}


async def test_a_stage_says_what_waits_and_who_holds_what(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """An operator could not tell a dead worker from a slow one, nor which query is stuck."""
    await ask(redis, names, "a", "b", "c")
    entry = await pipeline.take(pipeline.entrance(pipeline.on))
    await pipeline.take(pipeline.entrance(pipeline.on), "worker-2")
    await redis.xclaim(names.queries, "embedder", "worker-2", 0, [entry.id])
    seen = await stage(redis, names, "queries")
    assert (seen.length, seen.lag, seen.pending) == (3, 1, 2)
    assert seen.oldest_s is not None
    busy, idle = seen.consumers
    assert (busy.name, busy.pending, idle.pending) == ("worker-2", 2, 0)
    assert [(work.subject, work.attempt) for work in busy.in_hand] == [("a", 2), ("b", 1)]


async def test_what_no_worker_ever_read_waits(redis: Any, names: Namespace) -> None:
    """A deployment without its workers would look idle."""
    await ask(redis, names, "a", "b")
    seen = await stage(redis, names, "queries")
    assert (seen.lag, seen.pending, seen.consumers) == (2, 0, ())
    assert seen.oldest_s is not None


async def test_the_lag_is_known_though_redis_lost_count(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """An entry that somebody deleted unread would hide all that wait."""
    await ask(redis, names, "a", "b", "c")
    await pipeline.take(pipeline.entrance(pipeline.on))
    waiting = await redis.xrange(names.queries)
    await redis.xdel(names.queries, waiting[1][0])
    [group] = await redis.xinfo_groups(names.queries)
    assert group["lag"] is None
    assert (await stage(redis, names, "queries")).lag == 1


async def test_kept_answers_wait_for_their_subscribers_alone(
    redis: Any, names: Namespace, pipeline: Pipeline, client: RagstreamClient
) -> None:
    """A day of answers would look like a jam."""
    await ask(redis, names, "a")
    await pipeline.run(pipeline.entrance(pipeline.answer))
    seen = await stage(redis, names, "answers")
    assert (seen.length, seen.lag, seen.oldest_s) == (1, 0, None)
    async with client:
        async for answer in client.answers("readers", consumer="me"):
            assert answer.query_id == "a"
            break
    seen = await stage(redis, names, "answers")
    assert (seen.lag, seen.pending, seen.consumers[0].in_hand[0].subject) == (0, 1, "a")


async def test_rates_are_what_came_and_was_taken_between_two_looks(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """An operator could not tell whether a stage keeps up."""
    await ask(redis, names, "a")
    await pipeline.run(pipeline.entrance(pipeline.on))
    before = await look(redis, names)
    await ask(redis, names, "b", "c")
    await pipeline.run(pipeline.entrance(pipeline.on))
    after = await look(redis, names)
    rated = with_rates(before, after)
    seen = next(stage for stage in rated.stages if stage.name == "queries")
    seconds = (after.at_ms - before.at_ms) / 1000
    assert (seen.added_per_s, seen.read_per_s) == (round(2 / seconds, 2), round(1 / seconds, 2))


async def test_documents_and_inner_messages_are_named(
    redis: Any, names: Namespace, pipeline: Pipeline, client: RagstreamClient
) -> None:
    """An operator would see entry ids in place of what is worked on."""
    async with client:
        await client.ingest(b"text", document_id="d")
    await pipeline.take(pipeline.ingestor(pipeline.on))
    await ask(redis, names, "q")
    await pipeline.run(pipeline.entrance(pipeline.on))
    await pipeline.take(pipeline.retriever(pipeline.on))
    for name, subject in (("documents", "d"), ("retrieve", "q")):
        [consumer] = (await stage(redis, names, name)).consumers
        assert [work.subject for work in consumer.in_hand] == [subject]


async def test_a_look_at_bytes_that_are_no_message(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """One bad entry would blind the operator who wants to see it."""
    await redis.xadd(names.retrieve, {DATA: b"\xff"})
    await pipeline.take(pipeline.retriever(pipeline.on))
    [consumer] = (await stage(redis, names, "retrieve")).consumers
    assert consumer.in_hand[0].subject is None


async def test_many_in_hand_are_cut_and_counted(
    redis: Any, names: Namespace, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker with a thousand entries in hand would make each look a thousand reads."""
    monkeypatch.setattr(looking, "MOST_IN_HAND", 2)
    await ask(redis, names, "a", "b", "c")
    for _ in range(3):
        await pipeline.take(pipeline.entrance(pipeline.on))
    [consumer] = (await stage(redis, names, "queries")).consumers
    assert (consumer.pending, len(consumer.in_hand)) == (3, 2)


async def test_a_query_is_found_wherever_it_is(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """An upstream system that asks where its question is would get no answer."""
    await ask(redis, names, "before", "q")
    waiting = await find(redis, names, "q")
    assert (waiting.state, waiting.stage, waiting.ahead) == ("waiting", "queries", 1)
    await pipeline.run(pipeline.entrance(pipeline.on))
    await pipeline.run(pipeline.entrance(pipeline.on))
    assert (await find(redis, names, "q")).stage == "retrieve"
    await pipeline.run(pipeline.retriever(pipeline.answer))
    await pipeline.take(pipeline.retriever(pipeline.answer), "worker-7")
    held = await find(redis, names, "q")
    assert (held.state, held.stage, held.consumer) == ("in_hand", "retrieve", "worker-7")
    assert (held.group, held.attempt) == ("retriever", 1)


async def test_a_query_in_the_bulk_lane_without_an_id_is_found_by_its_entry(
    redis: Any, names: Namespace
) -> None:
    """A shell script that knows what XADD printed could not ask for its question."""
    stream = names.lane(names.queries, "bulk")
    entry_id = (await redis.xadd(stream, {"question": "Why?"})).decode()
    assert (await find(redis, names, entry_id)).stage == "queries:bulk"


@pytest.mark.parametrize("kept", [True, False])
async def test_an_ended_query_says_how(
    redis: Any, names: Namespace, pipeline: Pipeline, *, kept: bool
) -> None:
    """A finished query would be looked for in vain, all the more once its tokens are gone."""
    ways = {
        "answered": pipeline.answer,
        "cancelled": fails(Cancelled("taken back")),
        "failed": fails(InvalidQuery("bad")),
    }
    for state, handle in ways.items():
        await ask(redis, names, state)
        await pipeline.run(pipeline.entrance(handle))
        if not kept:
            await redis.delete(names.tokens(state))
        found = await find(redis, names, state)
        assert found.state == state
        assert (found.error is None) == (state == "answered")
        assert (found.dead_letter is not None) == (state == "failed")


async def test_a_dead_letter_is_the_last_trace(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """A query that can still be redriven would look as if it had never been."""
    await ask(redis, names, "q")
    await pipeline.run(pipeline.entrance(fails(InvalidQuery("bad"))))
    await redis.delete(names.tokens("q"), names.answers)
    found = await find(redis, names, "q")
    assert found.state == "dead"
    [(letter_id, _)] = await redis.xrange(names.dead)
    assert found.dead_letter == letter_id.decode()


async def test_a_redriven_query_is_on_its_way_again(
    redis: Any, names: Namespace, pipeline: Pipeline, redis_server: RedisAddress
) -> None:
    """Its old failed Answer would hide where it is."""
    await ask(redis, names, "q")
    await pipeline.run(pipeline.entrance(fails(InvalidQuery("bad"))))
    await ragstream(redis_server, names.name, "dead", "redrive", "--all")
    assert (await find(redis, names, "q")).state == "waiting"


async def test_a_search_that_was_cut_says_so(redis: Any, names: Namespace) -> None:
    """`unknown` would be taken for certain."""
    await ask(redis, names, *(str(number) for number in range(205)))
    cut = await find(redis, names, "204", most_entries=200)
    assert (cut.state, cut.not_searched) == ("unknown", ("queries",))
    assert (await find(redis, names, "204")).ahead == 204
    exact = await find(redis, names, "205", most_entries=205)
    assert exact.not_searched == ()


async def test_a_query_that_just_moved_on_is_met_further_on(
    redis: Any, names: Namespace, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query would be told to wait in a stage that it has left."""
    await ask(redis, names, "q")
    groups_of = looking.ask
    late = iter([pipeline.entrance(pipeline.on)])

    async def ask_late(*args: Any) -> Any:
        for stage in late:
            await pipeline.run(stage)
        return await groups_of(*args)

    monkeypatch.setattr("shared.whereabouts.ask", ask_late)
    assert (await find(redis, names, "q")).stage == "retrieve"


async def test_status_shows_another_deployment_without_local_parts(
    redis: Any, names: Namespace, pipeline: Pipeline, redis_server: RedisAddress
) -> None:
    """An operator on Kubernetes would be told that nothing runs."""
    await ask(redis, names, "q", "r")
    await pipeline.take(pipeline.entrance(pipeline.on))
    shown = await ragstream(redis_server, names.name, "status")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0] == f"streams of {names.name}"
    row = next(line for line in lines if line.startswith("queries "))
    assert row.split()[:4] == ["queries", "2", "1", "1"]
    assert row.split()[-2:] == ["0.0", "0.0"]
    assert any("embedder worker-1: 1 in hand" in line for line in lines)
    assert any("q  here for" in line and line.endswith("attempt 1") for line in lines)
    told = json.loads((await ragstream(redis_server, names.name, "status", "--json")).stdout)
    queries = next(row for row in told["pipeline"]["stages"] if row["name"] == "queries")
    assert (queries["lag"], queries["pending"], queries["added_per_s"]) == (1, 1, 0.0)


async def test_status_of_a_query_has_words_and_exit_codes(
    redis: Any, names: Namespace, pipeline: Pipeline, redis_server: RedisAddress
) -> None:
    """A script could not tell a lost id from one that waits."""
    await ask(redis, names, "q")
    found = await ragstream(redis_server, names.name, "status", "q")
    assert found.exit_code == 0
    assert found.stdout.startswith("q waits in queries since 0 s, 0 before it")
    unknown = await ragstream(redis_server, names.name, "status", "nobody", "--json")
    assert (unknown.exit_code, json.loads(unknown.stdout)["state"]) == (27, "unknown")
    await pipeline.run(pipeline.entrance(fails(InvalidQuery("too\x1b long"))))
    failed = await ragstream(redis_server, names.name, "status", "q")
    assert failed.exit_code == 0
    assert "too� long [invalid_query]" in failed.stdout
    assert "ragstream dead show" in failed.stdout


async def test_cancelling_is_seen_by_the_status(
    redis: Any, names: Namespace, pipeline: Pipeline, client: RagstreamClient
) -> None:
    """`cancel` would say that it came in time, and `status` that the query still waits."""
    async with client:
        query_id = await client.publish(Query(question="Why?"))
        assert await client.cancel(query_id)
        await pipeline.run(pipeline.entrance(fails(Cancelled("taken back"))))
        assert not await client.cancel(query_id)
    [line, reason] = pipeline_view.whereabouts_lines(await find(redis, names, query_id))
    assert f"{query_id} was cancelled" in line
    assert reason == "taken back [cancelled]"


async def test_cancelling_says_what_it_knows(
    redis: Any, names: Namespace, redis_server: RedisAddress
) -> None:
    """A mistyped id would look like a question that was stopped."""
    await ask(redis, names, "q")
    known = await ragstream(redis_server, names.name, "cancel", "q", "--json")
    assert (known.exit_code, json.loads(known.stdout)["known"]) == (0, True)
    unknown = await ragstream(redis_server, names.name, "cancel", "p", "--json")
    assert (unknown.exit_code, json.loads(unknown.stdout)["known"]) == (27, False)


async def test_away_is_an_outage_with_its_exit_code(namespace: str) -> None:
    """A monitor would take a deployment without Redis for a quiet one."""
    nowhere = RedisAddress("redis://127.0.0.1:1/0", 1, "", 0)
    for words in (("status",), ("status", "q"), ("dead", "list"), ("cancel", "q")):
        assert (await ragstream(nowhere, namespace, *words)).exit_code == 24


async def test_watch_looks_again_until_ctrl_c(
    redis: Any, names: Namespace, redis_server: RedisAddress
) -> None:
    """An operator would look at a still picture, or end the watch with an error."""
    await ask(redis, names, "q")
    environ = {
        **{name: v for name, v in os.environ.items() if not name.startswith("RAGSTREAM_")},
        "RAGSTREAM_REDIS_URL": redis_server.url,
        "RAGSTREAM_REDIS_PASSWORD": redis_server.password,
        "RAGSTREAM_NAMESPACE": names.name,
    }
    command = (sys.executable, "-m", "services.cli.main", "status", "--watch")
    watch = await asyncio.create_subprocess_exec(
        *command, env=environ, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert watch.stdout is not None
        async with asyncio.timeout(20):
            seen = 0
            while seen < 2:
                seen += (await watch.stdout.readline()).startswith(b"streams of")
            watch.send_signal(signal.SIGINT)
            await watch.stdout.read()
            assert await watch.wait() == 0
    finally:
        if watch.returncode is None:
            watch.kill()
            await watch.wait()
