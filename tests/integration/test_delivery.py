"""The one commit path, against a real Redis: exactly once, whatever happens around it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.backpressure import room_behind
from shared.claims import Claims
from shared.consumers import forget_gone
from shared.delivery import Delivery, RetryPolicy, Stage
from shared.errors import InvalidQuery, Overloaded, RagstreamError, RedisUnavailable, Transient
from shared.messages import Token, decode_dead_letter, decode_token_event
from shared.redis import ensure_groups
from shared.slots import Slots
from shared.streams import DATA, Effect, Entry, Namespace, decoded, publish
from tests.polling import until

GROUP = "stage"
Handle = Callable[[Entry, Token], Awaitable[Sequence[Effect]]]


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


@pytest.fixture
def stage(names: Namespace) -> Stage[Token]:
    """A stage that copies what it reads from `in` to `out`."""

    async def copy(_entry: Entry, message: Token) -> list[Effect]:
        return [publish(names.key("out"), message, edge=True)]

    return make_stage(names, copy)


def make_stage(names: Namespace, handle: Handle) -> Stage[Token]:
    def fail(_entry: Entry, message: Token | None, error: RagstreamError) -> list[Effect]:
        told = Token(text=f"{message.text if message else '?'}: {error.code}")
        return [publish(names.key("failed"), told, edge=True)]

    return Stage(names.key("in"), GROUP, decoded(_decode), handle, fail)


def gated_stage(
    names: Namespace, ends: Mapping[str, asyncio.Event], *, concurrency: int
) -> Stage[Token]:
    """A stage whose work on an entry goes on until the event of the entry's text."""

    async def wait(_entry: Entry, message: Token) -> list[Effect]:
        await ends[message.text].wait()
        return [publish(names.key("out"), message, edge=True)]

    return replace(make_stage(names, wait), concurrency=concurrency)


def _decode(data: bytes) -> Token:
    event = decode_token_event(data)
    assert isinstance(event, Token)
    return event


def worker(redis: Any, names: Namespace, consumer: str = "a") -> Delivery:
    retry = RetryPolicy(max_attempts=3, first_s=0.001, most_s=0.002)
    return Delivery(redis, names, consumer, visibility_timeout_ms=300, retry=retry)


async def put(redis: Any, names: Namespace, data: bytes = b'{"type":"token","text":"x"}') -> None:
    await redis.xadd(names.key("in"), {DATA: data})


async def take(redis: Any, names: Namespace, consumer: str = "a") -> Entry:
    await ensure_groups(redis, [(names.key("in"), GROUP)])
    reply = await redis.xreadgroup(GROUP, consumer, {names.key("in"): ">"}, count=1)
    entry_id, fields = reply[0][1][0]
    return Entry(names.key("in"), entry_id.decode(), fields)


async def put_and_take(redis: Any, names: Namespace, text: str) -> Entry:
    await put(redis, names, b'{"type":"token","text":"%s"}' % text.encode())
    return await take(redis, names)


async def texts(redis: Any, key: str) -> list[str]:
    return [_decode(fields[DATA]).text for _, fields in await redis.xrange(key)]


async def left(redis: Any, names: Namespace) -> tuple[int, int]:
    """Entries and pending entries of the stage's stream."""
    pending = await redis.xpending(names.key("in"), GROUP)
    return await redis.xlen(names.key("in")), pending["pending"]


async def test_an_entry_is_moved_on_and_gone(
    redis: Any, names: Namespace, stage: Stage[Token]
) -> None:
    """Streams would grow with every question ever asked."""
    await put(redis, names)
    await worker(redis, names).process(stage, await take(redis, names))
    assert await texts(redis, names.key("out")) == ["x"]
    assert await left(redis, names) == (0, 0)


async def test_two_workers_with_the_same_entry_publish_once(
    redis: Any, names: Namespace, stage: Stage[Token]
) -> None:
    """A frozen worker that wakes up would answer a question a second time."""
    await put(redis, names)
    entry = await take(redis, names)
    await asyncio.gather(
        *(worker(redis, names, name).process(stage, entry) for name in ("a", "b", "c"))
    )
    assert await texts(redis, names.key("out")) == ["x"]


async def test_a_once_key_drops_a_second_entry(
    redis: Any, names: Namespace, stage: Stage[Token]
) -> None:
    """Publishing the same question twice would give two answers."""
    delivery = worker(redis, names)
    results = []
    for _ in range(2):
        await put(redis, names)
        entry = await take(redis, names)
        effects = await stage.handle(entry, Token(text="x"))
        results.append(await delivery.commit(stage, entry, effects, names.seen("q")))
    assert results == [1, 2]
    assert await texts(redis, names.key("out")) == ["x"]
    assert await left(redis, names) == (0, 0)


async def test_a_commit_without_memory_changes_nothing(
    redis: Any, names: Namespace, stage: Stage[Token]
) -> None:
    """A full Redis would acknowledge an entry and lose what it led to."""
    await put(redis, names)
    entry = await take(redis, names)
    await redis.config_set("maxmemory", "1mb")
    try:
        effects = await stage.handle(entry, Token(text="x"))
        with pytest.raises(Exception, match=r"OOM|maxmemory"):
            await worker(redis, names).commit(stage, entry, effects)
    finally:
        await redis.config_set("maxmemory", "0")
    assert await left(redis, names) == (1, 1)


async def test_undecodable_bytes_are_kept(
    redis: Any, names: Namespace, stage: Stage[Token]
) -> None:
    """Nobody could find out what an upstream system had sent."""
    await put(redis, names, b"\xff no message")
    await worker(redis, names).process(stage, await take(redis, names))
    [(_, fields)] = await redis.xrange(names.dead)
    letter = decode_dead_letter(fields[DATA])
    assert letter.fields == {"__data__": b"\xff no message"}
    assert letter.code == "undecodable"
    assert await texts(redis, names.key("failed")) == ["?: undecodable"]
    assert await left(redis, names) == (0, 0)


async def test_a_decoder_that_stumbles_is_no_poison(redis: Any, names: Namespace) -> None:
    """One message nested too deeply would be read again and again, for ever."""

    def stumble(_entry: Entry) -> Token:
        raise RecursionError

    async def never(_entry: Entry, _message: Token) -> list[Effect]:
        raise AssertionError

    await put(redis, names)
    stage = replace(make_stage(names, never), decode=stumble)
    await worker(redis, names).process(stage, await take(redis, names))
    assert await texts(redis, names.key("failed")) == ["?: undecodable"]


async def test_a_commit_that_came_too_late_is_made_anew(redis: Any, names: Namespace) -> None:
    """Two versions of a document would leave chunks of both in the index."""
    record, seen = names.document("d"), []

    async def handle(_entry: Entry, message: Token) -> list[Effect]:
        seen.append(await redis.hget(record, "chunks") or b"")
        if len(seen) == 1:
            await redis.hset(record, "chunks", 7)  # another worker was quicker
        expected = Effect("EXPECT", record, ("chunks", seen[-1]))
        return [expected, publish(names.key("out"), message, edge=True)]

    await put(redis, names)
    await worker(redis, names).process(make_stage(names, handle), await take(redis, names))
    assert seen == [b"", b"7"]
    assert await texts(redis, names.key("out")) == ["x"]
    assert await left(redis, names) == (0, 0)


async def test_a_permanent_error_is_not_tried_again(redis: Any, names: Namespace) -> None:
    """An empty question would be asked five times."""
    calls = []

    async def refuse(_entry: Entry, _message: Token) -> list[Effect]:
        calls.append(1)
        raise InvalidQuery("empty")

    await put(redis, names)
    await worker(redis, names).process(make_stage(names, refuse), await take(redis, names))
    assert len(calls) == 1
    assert await texts(redis, names.key("failed")) == ["x: invalid_query"]


async def test_a_transient_error_is_tried_up_to_the_cap(redis: Any, names: Namespace) -> None:
    """A passing fault would fail a question, or a lasting one be tried for ever."""
    calls = []

    async def stumble(_entry: Entry, _message: Token) -> list[Effect]:
        calls.append(1)
        raise Transient("again")

    await put(redis, names)
    await worker(redis, names).process(make_stage(names, stumble), await take(redis, names))
    assert len(calls) == 3
    assert await texts(redis, names.key("failed")) == ["x: attempts_exhausted"]
    [(_, fields)] = await redis.xrange(names.dead)
    assert decode_dead_letter(fields[DATA]).attempts == 3


async def test_an_outage_uses_up_no_attempt(redis: Any, names: Namespace) -> None:
    """An hour without Triton would dead-letter every question in hand."""
    calls = []

    async def away_then_back(_entry: Entry, message: Token) -> list[Effect]:
        calls.append(1)
        if len(calls) < 10:
            raise RedisUnavailable("away")
        return [publish(names.key("out"), message, edge=True)]

    await put(redis, names)
    delivery = worker(redis, names)
    await delivery.process(make_stage(names, away_then_back), await take(redis, names))
    assert await texts(redis, names.key("out")) == ["x"]
    assert delivery.outage is None


async def test_a_full_server_uses_up_no_attempt(redis: Any, names: Namespace) -> None:
    """A flood would dead-letter whoever met a full queue five times."""
    seen = []

    async def full_then_free(entry: Entry, message: Token) -> list[Effect]:
        seen.append((entry.deliveries, delivery.outage))
        if len(seen) < 10:
            raise Overloaded("queue is full", retry_after_s=0.001)
        return [publish(names.key("out"), message, edge=True)]

    await put(redis, names)
    delivery = worker(redis, names)
    await delivery.process(make_stage(names, full_then_free), await take(redis, names))
    assert await texts(redis, names.key("out")) == ["x"]
    assert seen == [(1, None)] * 10  # and the worker was ready all the time


async def test_an_entry_that_kills_its_workers_is_given_up(
    redis: Any, names: Namespace, stage: Stage[Token]
) -> None:
    """A document that crashes its reader would crash one worker after the other, for ever."""
    await put(redis, names)
    entry = await take(redis, names)
    for _ in range(4):
        await redis.xclaim(names.key("in"), GROUP, "a", 0, [entry.id])
    delivery = worker(redis, names)
    counted = await delivery.claims.counted(stage.group, entry)
    assert counted.deliveries == 5
    await delivery.process(stage, counted)
    assert await texts(redis, names.key("failed")) == ["x: attempts_exhausted"]
    assert await texts(redis, names.key("out")) == []


async def test_a_busy_worker_keeps_its_claim_and_steals_none(redis: Any, names: Namespace) -> None:
    """A long generation would be started again by another worker every few seconds."""
    slow = asyncio.Event()
    entry = await put_and_take(redis, names, "slow")
    slots = Slots(worker(redis, names), gated_stage(names, {"slow": slow}, concurrency=1))
    taking = asyncio.create_task(slots.take(entry))
    idle = [await _idle_ms(redis, names, entry) for _ in range(20)]
    assert max(idle) < 300  # three beats in a visibility time-out of 300 ms
    await redis.xclaim(names.key("in"), GROUP, "b", 0, [entry.id])
    for _ in range(5):
        await _idle_ms(redis, names, entry)
    [row] = await redis.xpending_range(names.key("in"), GROUP, "-", "+", 1)
    assert row["consumer"] == b"b"
    slow.set()
    await taking
    await slots.drain(5)


async def test_a_waiting_entry_keeps_its_claim_too(redis: Any, names: Namespace) -> None:
    """Entries read ahead would be claimed again and again, and given up though nobody failed."""
    slow = asyncio.Event()
    first, second = [await put_and_take(redis, names, "slow") for _ in range(2)]
    slots = Slots(worker(redis, names), gated_stage(names, {"slow": slow}, concurrency=1))
    taking = asyncio.gather(slots.take(first), slots.take(second))
    idle = [await _idle_ms(redis, names, second) for _ in range(20)]
    assert max(idle) < 300
    slow.set()
    await taking
    await slots.drain(5)
    assert await left(redis, names) == (0, 0)


async def test_a_full_worker_takes_no_more(redis: Any, names: Namespace) -> None:
    """What it read would wait behind its slots while another worker has one free."""
    ends = {"first": asyncio.Event(), "second": asyncio.Event()}
    slots = Slots(worker(redis, names), gated_stage(names, ends, concurrency=2))
    first, second = [await put_and_take(redis, names, text) for text in ends]
    await slots.take(first)
    taking = asyncio.create_task(slots.take(second))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(taking), 0.3)
    ends["first"].set()
    await taking
    assert await texts(redis, names.key("out")) == ["first"]
    ends["second"].set()
    await slots.drain(5)


async def test_a_stopping_worker_finishes_or_hands_back(redis: Any, names: Namespace) -> None:
    """A roll-out would lose what was in hand, or hold it up until its time-out."""
    ends = {"quick": asyncio.Event(), "slow": asyncio.Event()}
    slots = Slots(worker(redis, names), gated_stage(names, ends, concurrency=3))
    for text in ends:
        await slots.take(await put_and_take(redis, names, text))
    ends["quick"].set()
    await slots.drain(0.2)
    assert await texts(redis, names.key("out")) == ["quick"]
    claimed = await redis.xautoclaim(names.key("in"), GROUP, "b", min_idle_time=300)
    assert len(claimed[1]) == 1
    [row] = await redis.xpending_range(names.key("in"), GROUP, "-", "+", 1)
    assert row["times_delivered"] == 1  # the stop itself counts as nobody's attempt


async def _idle_ms(redis: Any, names: Namespace, entry: Entry) -> int:
    """How long the entry was idle, read 50 ms after the last look."""
    await redis.blpop([names.key("never")], timeout=0.05)
    [row] = await redis.xpending_range(names.key("in"), GROUP, entry.id, entry.id, 1)
    return int(row["time_since_delivered"])


async def test_a_lane_waits_for_room_behind_it(
    redis: Any, names: Namespace, stage: Stage[Token]
) -> None:
    """A bulk run would fill Redis with passages long before anybody writes from them."""
    await redis.xadd(names.key("out"), {DATA: b"is full"})
    room = room_behind(redis, names.key("out"), 1)
    await put(redis, names)
    entry = await take(redis, names)
    slots = Slots(worker(redis, names), replace(stage, room=room))
    taking = asyncio.create_task(slots.take(entry))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(taking), 0.4)
    _, claimed, _ = await redis.xautoclaim(names.key("in"), GROUP, "thief", 300)
    assert claimed == []  # though it has waited for longer than its time-out
    await redis.delete(names.key("out"))
    await taking
    await slots.drain(10)
    assert await texts(redis, names.key("out")) == ["x"]


async def test_a_consumer_that_is_gone_is_forgotten(redis: Any, names: Namespace) -> None:
    """Every restart of a worker would leave its name in its groups, for ever."""
    await put(redis, names)
    await take(redis, names, "holder")
    await redis.xgroup_createconsumer(names.key("in"), GROUP, "gone")
    await until(lambda: all_idle(redis, names, 50))
    await redis.xgroup_createconsumer(names.key("in"), GROUP, "new")
    assert await forget_gone(redis, names.key("in"), GROUP, 50) == 1
    assert await consumers(redis, names) == {"holder", "new"}
    assert await left(redis, names) == (1, 1)


async def test_a_worker_sweeps_while_it_runs(redis: Any, names: Namespace) -> None:
    """Names of workers that were scaled away would stay until another one starts."""
    await ensure_groups(redis, [(names.key("in"), GROUP)])
    async with Claims(redis, "a", 3).swept([(names.key("in"), GROUP)]):
        await redis.xgroup_createconsumer(names.key("in"), GROUP, "gone")
        await until(lambda: nobody(redis, names))


async def consumers(redis: Any, names: Namespace) -> set[str]:
    rows = await redis.xinfo_consumers(names.key("in"), GROUP)
    return {row["name"].decode() for row in rows}


async def nobody(redis: Any, names: Namespace) -> bool:
    return not await consumers(redis, names)


async def all_idle(redis: Any, names: Namespace, idle_ms: int) -> bool:
    rows = await redis.xinfo_consumers(names.key("in"), GROUP)
    return all(row["idle"] >= idle_ms for row in rows)
