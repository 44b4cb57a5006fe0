"""Dead letters against a real Redis: seen, tried again once, dropped."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from shared.client import RagstreamClient
from shared.dead import PAGE, Letter, drop, list_dead, read_dead, redrive
from shared.errors import InvalidQuery, NoText, Transient
from shared.messages import DeadLetter, Query, decode_answer, decode_query
from shared.streams import DATA, Entry, Namespace, bury
from tests.integration.pipelines import Pipeline, fails, ragstream
from tests.redis_server import RedisAddress

REFUSED = InvalidQuery("refused by the test")


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


@pytest.fixture
def pipeline(redis: Any, names: Namespace) -> Pipeline:
    return Pipeline(redis, names)


@pytest.fixture
def client(redis_server: RedisAddress, namespace: str) -> RagstreamClient:
    return RagstreamClient(redis_server.url, password=redis_server.password, namespace=namespace)


async def letters(redis: Any, names: Namespace, **which: str) -> list[Letter]:
    async with aclosing(list_dead(redis, names, **which)) as found:
        return [letter async for letter in found]


async def only(redis: Any, names: Namespace) -> Letter:
    [letter] = await letters(redis, names)
    return letter


async def buried(redis: Any, names: Namespace, code: str, fields: dict[bytes, bytes]) -> str:
    effect = bury(names, Entry(names.queries, "1-0", fields), code=code, reason="r", now_ms=2)
    entry_id = await redis.execute_command(effect.command, effect.key, *effect.arguments)
    return str(entry_id.decode())


async def statuses(redis: Any, names: Namespace) -> list[tuple[str, str]]:
    found = [decode_answer(fields[DATA]) for _, fields in await redis.xrange(names.answers)]
    return [(answer.query_id, answer.status) for answer in found]


async def test_a_redriven_query_is_answered(
    redis: Any, names: Namespace, pipeline: Pipeline, client: RagstreamClient
) -> None:
    """A redriven query would be dropped as a duplicate, and its asker read the old failure."""
    async with client:
        await client.publish(Query(id="q", question="Why?"))
        await pipeline.run(pipeline.entrance(fails(REFUSED)))
        assert (await client.ask(Query(id="q", question="Why?"), timeout_s=5)).status == "failed"
        await client.publish(Query(id="q", question="Why?"))
        await pipeline.run(pipeline.entrance(pipeline.answer))  # the duplicate
        letter = await only(redis, names)
        assert (letter.query_id, letter.dead.code) == ("q", "invalid_query")
        assert await redrive(redis, names, letter) == "redriven"
        await pipeline.run(pipeline.entrance(pipeline.answer))
        assert (await client.ask(Query(id="q", question="Why?"), timeout_s=5)).status == "answered"
    assert await statuses(redis, names) == [("q", "failed"), ("q", "answered")]
    assert await letters(redis, names) == []


async def test_redriving_twice_answers_once(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """An operator who repeats a command would have questions answered twice."""
    await redis.xadd(names.queries, {"question": "Why?", "id": "q"})
    await pipeline.run(pipeline.entrance(fails(REFUSED)))
    letter = await only(redis, names)
    assert [await redrive(redis, names, letter) for _ in range(2)] == ["redriven", "gone"]
    assert await redis.xlen(names.queries) == 1


async def test_two_redrives_at_the_same_time_answer_once(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """Two operators would have questions answered twice."""
    await redis.xadd(names.queries, {"question": "Why?"})
    await pipeline.run(pipeline.entrance(fails(REFUSED)))
    letter = await only(redis, names)
    outcomes = await asyncio.gather(*(redrive(redis, names, letter) for _ in range(8)))
    assert sorted(outcomes) == ["gone"] * 7 + ["redriven"]
    assert await redis.xlen(names.queries) == 1


async def test_a_letter_without_memory_stays_whole(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """A full Redis would lose the letter and not bring the query back."""
    await redis.xadd(names.queries, {"question": "Why?"})
    await pipeline.run(pipeline.entrance(fails(REFUSED)))
    letter = await only(redis, names)
    await redis.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(Exception, match=r"OOM|maxmemory"):
            await redrive(redis, names, letter)
    finally:
        await redis.config_set("maxmemory", "0")
    assert await only(redis, names) == letter
    assert await redis.xlen(names.queries) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"question": "Why?"},
        {DATA: b'{"type":"query", "question":"Why?","metadata":{"n": 1.50}}'},
        {DATA: b'{"question":"Why?","id":""}'},
    ],
)
async def test_a_query_known_by_its_entry_keeps_that_id(
    redis: Any, names: Namespace, pipeline: Pipeline, fields: dict[Any, Any]
) -> None:
    """The real answer would come under an id that nobody knows."""
    entry_id = (await redis.xadd(names.queries, fields)).decode()
    await pipeline.run(pipeline.entrance(fails(REFUSED)))
    await redrive(redis, names, await only(redis, names))
    [(_, again)] = await redis.xrange(names.queries)
    if DATA in again:
        assert decode_query(again[DATA]).id == entry_id
    await pipeline.run(pipeline.entrance(pipeline.answer))
    assert await statuses(redis, names) == [(entry_id, "failed"), (entry_id, "answered")]


async def test_what_else_the_publisher_wrote_stays_byte_for_byte(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """A redriven query would differ from the one that was asked."""
    metadata = b'{"n": 1.50, "big": 12345678901234567890123, "\\u00e9": "\\u00e9"}'
    entry_id = await redis.xadd(names.queries, {DATA: b'{"question":"","metadata":%b}' % metadata})
    await pipeline.run(pipeline.entrance(pipeline.answer))
    await redrive(redis, names, await only(redis, names))
    [(_, again)] = await redis.xrange(names.queries)
    expected = b'{"question":"","metadata":%b,"id":"%b"}' % (metadata, entry_id)
    assert again == {DATA: expected}


async def test_a_query_that_fails_twice_can_be_redriven_twice(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """The second letter would be of another query, or refused."""
    entry_id = (await redis.xadd(names.queries, {"question": "Why?"})).decode()
    for _ in range(2):
        await pipeline.run(pipeline.entrance(fails(REFUSED)))
        assert await redrive(redis, names, await only(redis, names)) == "redriven"
    await pipeline.run(pipeline.entrance(pipeline.answer))
    assert (await statuses(redis, names))[-1] == (entry_id, "answered")


async def test_bytes_that_are_no_message_go_back_as_they_came(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """An entry that a newer worker could read would be spoiled."""
    await redis.xadd(names.queries, {DATA: b"\xff[1]", b"x": b"\x00"})
    await pipeline.run(pipeline.entrance(pipeline.answer))
    letter = await only(redis, names)
    assert letter.query_id is None
    assert await redrive(redis, names, letter) == "redriven"
    [(_, again)] = await redis.xrange(names.queries)
    assert again == {DATA: b"\xff[1]", b"x": b"\x00"}


async def test_an_id_that_was_asked_again_meanwhile_stays_dead(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """The id's second, answered query would be answered once more."""
    await redis.xadd(names.queries, {"question": "Why?", "id": "q"})
    await pipeline.run(pipeline.entrance(fails(REFUSED)))
    await redis.delete(names.seen("q"))  # its retention is over
    await redis.xadd(names.queries, {"question": "Why?", "id": "q"})
    await pipeline.run(pipeline.entrance(pipeline.answer))
    letter = await only(redis, names)
    assert await redrive(redis, names, letter) == "asked_again"
    assert await only(redis, names) == letter
    assert await redis.exists(names.tokens("q"), names.seen("q")) == 2


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_query_goes_back_to_its_own_lane(
    redis: Any, names: Namespace, pipeline: Pipeline, *, bulk: bool
) -> None:
    """A redriven bulk run would hold up those who wait for an answer."""
    stage = pipeline.entrance(fails(REFUSED), bulk=bulk)
    await redis.xadd(stage.stream, {"question": "Why?"})
    await pipeline.run(stage)
    await redrive(redis, names, await only(redis, names))
    assert await redis.xlen(stage.stream) == 1


async def test_a_query_of_an_inner_stage_is_not_asked_anew(
    redis: Any, names: Namespace, pipeline: Pipeline
) -> None:
    """It could be asked a second time while it is on its way."""
    await redis.xadd(names.queries, {"question": "Why?", "id": "q"})
    await pipeline.run(pipeline.entrance(pipeline.on))
    await pipeline.run(pipeline.retriever(fails(Transient("again"))))
    letter = await only(redis, names)
    assert (letter.query_id, letter.dead.code) == ("q", "attempts_exhausted")
    assert await redrive(redis, names, letter) == "redriven"
    assert await redis.exists(names.seen("q")) == 1
    assert await redis.exists(names.tokens("q")) == 0
    await pipeline.run(pipeline.retriever(pipeline.answer))
    assert (await statuses(redis, names))[-1] == ("q", "answered")


async def test_a_redriven_document_counts_as_received(
    redis: Any, names: Namespace, pipeline: Pipeline, client: RagstreamClient
) -> None:
    """Whoever waits for it would still read the old failure."""
    async with client:
        await client.ingest(b"text", document_id="d")
        await pipeline.run(pipeline.ingestor(fails(NoText("a scan"))))
        assert (await client.document("d")).state == "failed"
        letter = await only(redis, names)
        assert (letter.document_id, letter.query_id) == ("d", None)
        assert await redrive(redis, names, letter) == "redriven"
        again = await client.document("d")
    assert (again.state, again.error_code, again.error) == ("received", "", "")
    assert await redis.xlen(names.documents) == 1


async def test_a_stranger_s_entry_can_be_seen_and_dropped_and_no_more(
    redis: Any, names: Namespace
) -> None:
    """Whoever may write to `dead` could have operators write to any key."""
    letter = DeadLetter(
        stream="other:key",
        entry_id="1-0",
        code="c",
        reason="r",
        attempts=1,
        first_ms=1,
        last_ms=1,
        fields={"a": b"b"},
    )
    await redis.xadd(names.dead, {DATA: msgspec.json.encode(letter)})
    await redis.xadd(names.dead, {"what": "\xff"})
    found = await letters(redis, names)
    assert [one.dead.code for one in found] == ["c", "unreadable"]
    assert [await redrive(redis, names, one) for one in found] == ["unreadable"] * 2
    assert await redis.exists("other:key") == 0
    assert [await drop(redis, names, one.id) for one in found] == ["dropped"] * 2
    assert await drop(redis, names, found[0].id) == "gone"


async def test_all_pages_are_read_and_new_letters_left_for_the_next_time(
    redis: Any, names: Namespace
) -> None:
    """Redriving all would never end where the cause is not mended."""
    for number in range(PAGE + 5):
        await buried(redis, names, "a" if number % 2 else "b", {b"question": b"?"})
    seen = 0
    async with aclosing(list_dead(redis, names, code="a")) as found:
        async for letter in found:
            assert letter.dead.code == "a"
            await buried(redis, names, "a", {b"question": b"?"})
            seen += 1
    assert seen == (PAGE + 5) // 2
    assert await letters(redis, names, stream="generate") == []


async def test_no_letter_under_a_name_that_is_no_entry_id(redis: Any, names: Namespace) -> None:
    """A typing mistake would end in an error of Redis."""
    assert await read_dead(redis, names, "nonsense") is None
    assert await drop(redis, names, "nonsense") == "gone"


async def test_list_and_show_tell_what_failed_and_why(
    redis: Any, names: Namespace, pipeline: Pipeline, redis_server: RedisAddress
) -> None:
    """An operator could not find out what to mend."""
    await redis.xadd(names.queries, {DATA: b'{"id":"q","question":""}'})
    await redis.xadd(names.queries, {DATA: b"\xff\x1b[2J"})
    for _ in range(2):
        await pipeline.run(pipeline.entrance(pipeline.answer))
    first, second = await letters(redis, names)
    listed = await ragstream(redis_server, names.name, "dead", "list")
    assert listed.exit_code == 0
    assert first.id in listed.stdout
    assert "the question is empty" in listed.stdout
    assert listed.stdout.endswith("2 dead letters\n")
    shown = await ragstream(redis_server, names.name, "dead", "show", first.id)
    assert "query     q" in shown.stdout
    assert '"question": ""' in shown.stdout
    bad = await ragstream(redis_server, names.name, "dead", "show", second.id)
    assert r"\xff\x1b[2J" in bad.stdout
    assert "\x1b" not in bad.stdout


async def test_list_and_show_speak_json(
    redis: Any, names: Namespace, redis_server: RedisAddress
) -> None:
    """A script could not get at the original bytes."""
    entry_id = await buried(redis, names, "c", {DATA: b"\xff"})
    await buried(redis, names, "d", {DATA: b"{}"})
    list_words = ("dead", "list", "--json", "--code", "c", "--stream", "queries")
    listed = json.loads((await ragstream(redis_server, names.name, *list_words)).stdout)
    assert (listed["length"], [row["id"] for row in listed["letters"]]) == (2, [entry_id])
    show_words = ("dead", "show", entry_id, "--json")
    shown = json.loads((await ragstream(redis_server, names.name, *show_words)).stdout)
    assert shown["fields"] == {"__data__": "/w=="}
    unknown = await ragstream(redis_server, names.name, "dead", "show", "1-1", "--json")
    assert unknown.exit_code == 27
    assert json.loads(unknown.stdout)["error"]["code"] == "unknown_letter"


async def test_redrive_says_what_became_of_each(
    redis: Any, names: Namespace, pipeline: Pipeline, redis_server: RedisAddress
) -> None:
    """An operator would take a letter that is gone for one that is tried again."""
    for _ in range(3):
        await redis.xadd(names.queries, {"question": "Why?"})
        await pipeline.run(pipeline.entrance(fails(REFUSED)))
    first = (await letters(redis, names))[0].id
    words = ("dead", "redrive")
    named = [await ragstream(redis_server, names.name, *words, first) for _ in range(2)]
    assert [result.exit_code for result in named] == [0, 27]
    assert f"redriven to {names.queries} as " in named[0].stdout
    assert "not there" in named[1].stdout
    by_code = (*words, "--code", "invalid_query", "--json")
    rest = await ragstream(redis_server, names.name, *by_code)
    assert json.loads(rest.stdout) == {"counts": {"redriven": 2}, "letters": []}
    none = await ragstream(redis_server, names.name, *words, "--all")
    assert (none.exit_code, none.stdout) == (0, "no such dead letters\n")
    assert await redis.xlen(names.queries) == 3


async def test_drop_asks_first(redis: Any, names: Namespace, redis_server: RedisAddress) -> None:
    """A typing mistake would delete the only copy of what was asked."""
    await buried(redis, names, "c", {b"question": b"?"})
    words = ("dead", "drop", "--all")
    refused = await ragstream(redis_server, names.name, *words, typed="n\n")
    assert (refused.exit_code, await redis.xlen(names.dead)) == (1, 1)
    agreed = await ragstream(redis_server, names.name, *words, typed="y\n")
    assert (agreed.exit_code, await redis.xlen(names.dead)) == (0, 0)
    await buried(redis, names, "c", {b"question": b"?"})
    silent = await ragstream(redis_server, names.name, *words, "--yes", "--json")
    assert json.loads(silent.stdout)["counts"] == {"dropped": 1}
