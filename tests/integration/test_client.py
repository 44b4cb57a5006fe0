"""The client against a real Redis: room, cancelling, subscriptions; no worker runs here."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.generator.tokens import TokenStream
from shared.answers import Endings
from shared.backpressure import retry_after_s
from shared.client import RagstreamClient
from shared.delivery import Delivery, RetryPolicy, Stage
from shared.errors import Cancelled, Expired, InvalidMessage, Overloaded, RedisRefused
from shared.messages import (
    Answer,
    Finished,
    Query,
    Started,
    Token,
    decode_answer,
    decode_query,
    decode_token_event,
)
from shared.redis import connect, ensure_groups
from shared.streams import DATA, Effect, Entry, Namespace, Retention, decoded
from shared.wanted import Wanted
from tests.redis_server import RedisAddress

RETENTION = Retention(query_s=60, answer_s=60, tokens_s=60)


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


@pytest.fixture
async def client(redis_server: RedisAddress, names: Namespace) -> AsyncIterator[RagstreamClient]:
    address = redis_server
    async with RagstreamClient(
        address.url, password=address.password, namespace=names.name, high_water=3
    ) as client:
        yield client


def endings(names: Namespace) -> Endings:
    return Endings(names, RETENTION, time.time)


async def finish(redis: Any, names: Namespace, answer: Answer) -> None:
    """End a query as a worker does, without the entry."""
    for effect in endings(names).finish(answer):
        await redis.execute_command(effect.command, effect.key, *effect.arguments)


async def test_past_the_mark_publishers_are_told_when_to_come_back(
    client: RagstreamClient, redis: Any, names: Namespace
) -> None:
    """A flood would fill Redis's memory, or be dropped without a word."""
    for _ in range(3):
        await client.publish(Query(question="q"))
    with pytest.raises(Overloaded) as error:
        await client.publish(Query(question="q"))
    assert 0.5 <= error.value.retry_after_s <= 60
    assert await redis.xlen(names.queries) == 3


@pytest.mark.parametrize("stage", ["retrieve", "generate"])
async def test_a_later_stage_that_is_full_counts_too(
    client: RagstreamClient, redis: Any, names: Namespace, stage: str
) -> None:
    """A fast embedder would move the flood to where nobody looks."""
    for _ in range(3):
        await redis.xadd(names.key(stage), {"x": "x"})
    with pytest.raises(Overloaded, match=stage):
        await client.publish(Query(question="q"))


async def test_a_full_bulk_lane_holds_up_no_person(client: RagstreamClient) -> None:
    """One bulk run would shut everybody out."""
    for _ in range(3):
        await client.publish(Query(question="q", priority="bulk"))
    with pytest.raises(Overloaded):
        await client.publish(Query(question="q", priority="bulk"))
    await client.publish(Query(question="q"))


async def test_documents_have_their_mark(
    client: RagstreamClient, redis: Any, names: Namespace
) -> None:
    """Ten thousand papers at once would fill Redis's memory."""
    for number in range(3):
        await client.ingest(b"x", document_id=f"d{number}")
    with pytest.raises(Overloaded):
        await client.ingest(b"x", document_id="d4")
    assert not await redis.exists(names.document("d4"))


def test_the_wait_stays_in_bounds() -> None:
    """A publisher would hammer, or go away for a day."""
    assert [retry_after_s(age) for age in (0, 20_000, 10**9)] == [0.5, 2.0, 60.0]


async def test_a_message_out_of_bounds_is_refused_at_once(client: RagstreamClient) -> None:
    """A mistake would show minutes later, as a failed Answer."""
    with pytest.raises(InvalidMessage, match="top_k"):
        await client.publish(Query(question="q", top_k=0))
    with pytest.raises(InvalidMessage, match="id"):
        await client.ingest(b"x", document_id="../etc/passwd")


async def test_asking_gives_up_in_time(client: RagstreamClient) -> None:
    """A caller would hang for ever where no worker runs."""
    with pytest.raises(TimeoutError):
        await client.ask(Query(question="q"), timeout_s=0.2)


async def test_a_wrong_password_is_told(redis_server: RedisAddress) -> None:
    """A user would read a traceback of a library that they never heard of."""
    async with RagstreamClient(redis_server.url, password="wrong") as client:  # noqa: S106 - on purpose
        with pytest.raises(RedisRefused):
            await client.publish(Query(question="q"))


async def test_what_a_dead_consumer_had_goes_to_another(
    client: RagstreamClient, redis: Any, names: Namespace
) -> None:
    """An answer that was read but not dealt with would be lost with its reader."""
    for number in range(3):
        await finish(redis, names, Answer(query_id=str(number), status="abstained"))
    dying = client.answers("group")
    assert [(await anext(dying)).query_id for _ in range(2)] == ["0", "1"]
    await dying.aclose()  # with the second in hand
    other = client.answers("group", claim_after_s=0)
    assert [(await anext(other)).query_id for _ in range(2)] == ["1", "2"]
    await other.aclose()


async def test_a_second_upload_is_not_done_when_the_first_is(
    client: RagstreamClient, redis: Any, names: Namespace
) -> None:
    """A researcher would ask about the new version and be answered from the old one."""
    await client.ingest(b"old", document_id="d")
    first = await redis.hget(names.document("d"), "wanted")
    await client.ingest(b"new", document_id="d")
    await redis.hset(names.document("d"), mapping={"state": "ingested", "done": first})
    assert (await client.document("d")).state == "received"
    second = await redis.hget(names.document("d"), "wanted")
    await redis.hset(names.document("d"), mapping={"done": second})
    assert (await client.document("d")).state == "ingested"


async def test_text_that_is_none_is_refused(client: RagstreamClient) -> None:
    """A lone surrogate would end in a traceback of the encoder."""
    with pytest.raises(InvalidMessage):
        await client.publish(Query(question="\udcff"))


async def test_an_old_answer_is_found_again(
    client: RagstreamClient, redis: Any, names: Namespace
) -> None:
    """Who asks with an id that was answered hours ago would wait in vain."""
    taken_in = await redis.xadd(names.answers, {DATA: b"of somebody else, and no answer"})
    for query_id in ("q", "another"):
        await redis.set(names.seen(query_id), taken_in)
        await finish(redis, names, Answer(query_id=query_id, status="answered", text=query_id))
        await redis.delete(names.tokens(query_id))
    answer = await client.ask(Query(id="q", question="Why?"), timeout_s=5)
    assert answer.text == "q"
    assert not await client.cancel("q")
    assert await redis.xlen(names.queries) == 0


async def test_a_redriven_query_is_not_ended_by_its_first_answer(
    client: RagstreamClient, redis: Any, names: Namespace
) -> None:
    """What an operator has repaired could not be cancelled, and would be read as failed."""
    await finish(redis, names, Answer(query_id="q", status="failed"))
    await redis.delete(names.tokens("q"))  # as `dead redrive` does
    await redis.set(names.seen("q"), await redis.xadd(names.queries, {DATA: b"again"}))
    assert await client.cancel("q")


async def test_cancelling_says_whether_it_came_in_time(
    client: RagstreamClient, redis: Any, names: Namespace
) -> None:
    """A user would believe that an answered question was taken back."""
    query_id = await client.publish(Query(question="q"))
    assert await client.cancel(query_id)
    await finish(redis, names, Answer(query_id=query_id, status="answered"))
    assert not await client.cancel(query_id)


async def test_a_cancelled_query_ends_so_and_is_no_dead_letter(
    client: RagstreamClient, redis: Any, names: Namespace
) -> None:
    """Whoever waits would wait for ever, or an operator would find a letter nobody sent."""
    await ensure_groups(redis, [(names.queries, "g")])
    query_id = await client.publish(Query(question="q"))
    await client.cancel(query_id)
    wanted = Wanted(redis, names, look_every_s=0)

    async def handle(entry: Entry, query: Query) -> list[Effect]:
        await wanted.check(query, entry.published_ms)
        raise AssertionError("nobody wants this")

    stage = Stage(names.queries, "g", decoded(decode_query), handle, endings(names).fail_new)
    [[_, [(entry_id, fields)]]] = await redis.xreadgroup("g", "me", {names.queries: ">"})
    delivery = Delivery(redis, names, "me", retry=RetryPolicy(max_attempts=1))
    await delivery.process(stage, Entry(names.queries, entry_id.decode(), fields))
    [(_, answer)] = await redis.xrange(names.answers)
    assert decode_answer(answer[DATA]).status == "cancelled"
    assert not await redis.exists(names.dead)
    [event] = [event async for event in client.stream(Query(id=query_id, question="q"))]
    assert isinstance(event, Finished)


@pytest.mark.parametrize(("accepted_ms", "asked"), [(99_600, 0), (99_400, 1), (100_100, 1)])
async def test_a_young_query_is_not_looked_for(
    redis: Any, names: Namespace, accepted_ms: int, asked: int
) -> None:
    """Each idle stage would wait for Redis first, or one whose clock is behind never look."""
    wanted, query = Wanted(redis, names, clock=lambda: 100.0), Query(id="q", question="q")
    before = await _looks(redis)
    await wanted.check(query, accepted_ms)
    assert await _looks(redis) - before == asked


async def test_a_step_looks_even_for_a_young_query(redis: Any, names: Namespace) -> None:
    """What was cancelled at once would be answered at a model's cost."""
    await redis.set(names.cancelled("q"), 1)
    wanted = Wanted(redis, names, clock=lambda: 100.0, look_every_s=60)
    with pytest.raises(Cancelled):
        async with wanted.during(Query(id="q", question="q"), 100_000):
            await asyncio.Event().wait()


async def test_a_stream_of_tokens_is_kept_for_its_time(redis: Any, names: Namespace) -> None:
    """It would stay for ever, or end under whoever reads along, or be timed with each token."""
    now_s, query = 100.0, Query(id="q", question="q", stream=True)
    tokens = TokenStream(redis, names, query, 60, ticks=lambda: now_s)
    await tokens.start(1)
    for _ in range(3):
        await tokens.add("word ")
    assert 0 < await redis.ttl(names.tokens("q")) <= 60
    await redis.expire(names.tokens("q"), 30)
    now_s += 31
    await tokens.add("word ")
    assert await redis.ttl(names.tokens("q")) > 30
    events = [
        decode_token_event(fields[DATA]) for _, fields in await redis.xrange(names.tokens("q"))
    ]
    assert events == [Started(attempt=1), *[Token(text="word ")] * 4]


async def test_a_running_step_ends_when_nobody_waits(redis: Any, names: Namespace) -> None:
    """Triton would go on writing for minutes for somebody who has left."""
    wanted, query = Wanted(redis, names, look_every_s=0.01), Query(id="q", question="q")
    begun, ended = asyncio.Event(), asyncio.Event()

    async def step() -> None:
        async with wanted.during(query, 0):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    running = asyncio.create_task(step())
    await begun.wait()
    await redis.set(names.cancelled("q"), 1)
    with pytest.raises(Cancelled):
        await asyncio.wait_for(running, 2)
    assert ended.is_set()


async def test_one_look_at_many_queries_ends_the_cancelled_one_alone(
    redis: Any, names: Namespace
) -> None:
    """All that a worker has in hand would end with one of them, or each ask Redis by itself."""
    wanted = Wanted(redis, names, look_every_s=0.01)
    waits = [
        asyncio.create_task(_wait_during(wanted, Query(id=name, question="q"))) for name in "abc"
    ]
    await redis.set(names.cancelled("b"), 1)
    with pytest.raises(Cancelled):
        await asyncio.wait_for(waits[1], 2)
    before = await _looks(redis)
    await asyncio.sleep(0.2)
    looks = await _looks(redis) - before
    assert not waits[0].done()
    assert not waits[2].done()
    assert 0 < looks <= 20
    for one in waits:
        one.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def _looks(redis: Any) -> int:
    said = await redis.info("commandstats")
    return int(said.get("cmdstat_exists", {"calls": 0})["calls"])


async def test_a_deadline_ends_a_running_step(redis: Any, names: Namespace) -> None:
    """An answer would come that nobody wants any more, and hold up those behind it."""
    now_s = 100.0
    wanted = Wanted(redis, names, clock=lambda: now_s, look_every_s=0.01)
    query = Query(id="q", question="q", deadline_ms=500)
    await wanted.check(query, 100_000)
    with pytest.raises(Expired, match="100 ms ago"):
        await wanted.check(query, 99_400)
    with pytest.raises(Expired):
        async with wanted.during(query, 99_000):
            pytest.fail("it began")

    async def wait_too_long() -> None:
        nonlocal now_s
        async with wanted.during(query, 99_600):
            now_s += 0.2
            await asyncio.Event().wait()

    with pytest.raises(Expired):
        await wait_too_long()


async def test_a_step_that_ends_in_time_is_left_alone(redis: Any, names: Namespace) -> None:
    """A good answer would be thrown away, or a worker's stop be taken for a cancelled query."""
    wanted, query = Wanted(redis, names, look_every_s=0.01), Query(id="q", question="q")
    async with wanted.during(query, 0):
        pass
    stopped = asyncio.create_task(_wait_during(wanted, query))
    await asyncio.sleep(0)
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped


async def _wait_during(wanted: Wanted, query: Query) -> None:
    async with wanted.during(query, 0):
        await asyncio.Event().wait()


def test_connect_is_lazy() -> None:
    """Building a client would fail where Redis is not up yet."""
    assert connect("redis://127.0.0.1:1/0")
