"""The whole path on real parts: from a question on a stream to a cited answer on a stream."""

import asyncio
import json
import os
import re
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.documents import DocumentState
from shared.messages import Answer, Finished, Query, Started, Token, decode_answer
from shared.streams import DATA
from tests import pdfs
from tests.running_stack import EXAMPLES, Stack

QUESTION = "Why must samples of different size be made comparable before species are counted?"
GIVE_UP_S = 60
INNER = (
    "queries",
    "documents",
    "embed",
    "index",
    "retrieve",
    "generate",
    "queries:bulk",
    "retrieve:bulk",
    "generate:bulk",
)


@pytest.fixture
def redis(stack: Stack) -> Iterator[Any]:
    with stack.redis() as client:
        yield client


def answers_to(redis: Any, query_id: str) -> list[Answer]:
    """All answers to a query, once there is one and nothing is left on the way."""
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        found = [
            answer
            for _, fields in redis.xrange("rag:answers")
            if (answer := decode_answer(fields[DATA])).query_id == query_id
        ]
        if found and not any(redis.xlen(f"rag:{name}") for name in INNER):
            return found
        redis.blpop(["rag:nothing"], timeout=0.05)
    raise AssertionError(f"no answer to {query_id} within {GIVE_UP_S} s")


def ask_raw(redis: Any, fields: dict[str | bytes, str | bytes]) -> Answer:
    entry_id = redis.xadd("rag:queries", fields).decode()
    [answer] = answers_to(redis, entry_id)
    return answer


def test_a_question_from_any_shell_is_answered(redis: Any) -> None:
    """`XADD rag:queries * question ...` would get no answer, or not under its entry id."""
    entry_id = redis.execute_command("XADD", "rag:queries", "*", "question", QUESTION).decode()
    [answer] = answers_to(redis, entry_id)
    [raw] = [
        fields[DATA]
        for _, fields in redis.xrange("rag:answers")
        if entry_id.encode() in fields[DATA]
    ]
    assert json.loads(raw)["query_id"] == entry_id
    assert answer.status == "answered"


def test_an_answer_shows_where_it_stands(redis: Any) -> None:
    """A reader could not look up what the answer says."""
    answer = ask_raw(redis, {"question": QUESTION})
    source = (EXAMPLES / "rarefaction.md").read_text("utf-8")
    assert answer.citations
    assert all(citation.quote in source for citation in answer.citations)
    assert {citation.title for citation in answer.citations} == {"Rarefaction in species surveys"}
    markers = {int(number) for number in re.findall(r"\[(\d+)\]", answer.text)}
    assert markers == {citation.marker for citation in answer.citations}
    assert answer.evidence[0].score >= answer.evidence[-1].score > 0
    assert set(answer.timings_ms) == {"embedder", "retriever", "generator"}
    assert answer.usage.prompt_tokens > 100
    assert 0 < answer.usage.completion_tokens <= 24


async def test_an_unanswerable_question_is_not_answered(stack: Stack) -> None:
    """Three of four questions have no answer in their paper: inventing one is the worst error."""
    async with stack.client() as client:
        answer = await client.ask(Query(question="Who won the football world cup of 1998?"))
    assert (answer.status, answer.text) == ("abstained", "I don't know.")


async def test_a_client_can_read_along(stack: Stack) -> None:
    """A person would look at an empty screen until the whole answer is there."""
    async with stack.client() as client:
        query = Query(question=QUESTION, stream=True, metadata={"row": 7})
        events = [event async for event in client.stream(query)]
    assert isinstance(events[0], Started)
    assert len([event for event in events if isinstance(event, Token)]) > 3
    assert isinstance(events[-1], Finished)
    assert events[-1].answer.metadata == {"row": 7}


async def test_the_same_id_twice_gives_one_answer(stack: Stack, redis: Any) -> None:
    """An upstream system that repeats a publication would be answered twice."""
    query = Query(id=uuid.uuid4().hex, question=QUESTION)
    async with stack.client() as client:
        first = await client.ask(query)
        again = await client.ask(query)
    assert first == again
    assert len(answers_to(redis, query.id)) == 1


async def test_every_group_gets_every_answer(stack: Stack, redis: Any) -> None:
    """A second consumer would take answers away from the first."""
    asked = ask_raw(redis, {"question": QUESTION})
    async with stack.client() as client:
        for group in ("one", "two"):
            async with asyncio.timeout(GIVE_UP_S):
                async for answer in client.answers(f"{group}-{asked.query_id}"):
                    if answer.query_id == asked.query_id:
                        break


def test_the_classic_profile_answers_too(redis: Any) -> None:
    """Users of the pipeline that this descends from could not compare."""
    assert ask_raw(redis, {"question": QUESTION, "profile": "stuff"}).status == "answered"


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"question": ""}, "invalid_query", "empty"),
        ({"question": "x" * 100_000}, "invalid_query", "100000 characters"),
        ({"question": "q", "collection": "nowhere"}, "unknown_collection", "nowhere"),
        ({"question": "q", "document_ids": "nothing"}, "unknown_document", "nothing"),
        ({DATA: '{"question":7}'}, "invalid_message", "question"),
        ({DATA: '{"question":"q","top_k":0}'}, "invalid_message", "top_k"),
    ],
)
def test_a_bad_question_fails_with_its_reason(
    redis: Any, fields: dict[str | bytes, str | bytes], code: str, words: str
) -> None:
    """Whoever asked would wait for ever, or not know what to mend."""
    answer = ask_raw(redis, fields)
    assert answer.status == "failed"
    assert answer.error is not None
    assert answer.error.code == code
    assert words in answer.error.message


def test_bytes_that_are_no_json_are_kept_for_the_operator(redis: Any) -> None:
    """What somebody sent would be gone without a trace, or hold up everything behind it."""
    entry_id = redis.xadd("rag:queries", {DATA: b"\xff\x00 no json"}).decode()
    ask_raw(redis, {"question": QUESTION})
    letters = [json.loads(fields[DATA]) for _, fields in redis.xrange("rag:dead")]
    [letter] = [one for one in letters if one["entry_id"] == entry_id]
    assert letter["code"] == "undecodable"
    assert letter["stream"] == "rag:queries"


async def ingest(stack: Stack, data: bytes, name: str) -> DocumentState:
    async with stack.client() as client:
        document_id = await client.ingest(data, document_id=f"bad-{uuid.uuid4().hex}", name=name)
        [state] = [state async for state in client.wait_ingested([document_id])]
    return state


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"", "empty.txt", "empty_document"),
        (pdfs.scan(3), "scan.pdf", "no_text"),
        (pdfs.locked(), "locked.pdf", "encrypted_document"),
        (
            pdfs.pdf([[pdfs.Text(text="Cut off.", x=50, y=700)]])[:200],
            "cut.pdf",
            "damaged_document",
        ),
        (b"\x7fELF\x02\x01\x01" + bytes(100), "program", "unsupported_type"),
        (b"many words " * 200_000, "large.txt", "document_too_large"),
    ],
)
async def test_a_bad_document_fails_with_its_reason(
    stack: Stack, data: bytes, name: str, code: str
) -> None:
    """A researcher would ask questions of a document that was never read."""
    state = await ingest(stack, data, name)
    assert (state.state, state.error_code) == ("failed", code)
    assert state.error


def test_a_file_over_the_limit_is_refused_before_it_is_read(stack: Stack, tmp_path: Path) -> None:
    """200 MB would be read, sent and stored before anybody says that it is too much."""
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(200 * 2**20)
    done = stack.run("ingest", str(large))
    assert done.returncode == 23
    assert "document_too_large" in done.stdout + done.stderr


async def test_the_same_bytes_again_change_nothing(stack: Stack, redis: Any) -> None:
    """Every run over a folder of 300 papers would embed all of them anew."""
    text = "Beech forests were sampled in spring. Each plot measured ten by ten metres."
    async with stack.client() as client:
        for _ in range(2):
            await client.ingest(text.encode(), document_id="twice", name="a.txt")
            [state] = [state async for state in client.wait_ingested(["twice"])]
            assert (state.state, state.chunks) == ("ingested", 1)
            redis.hsetnx("rag:chunk:twice:0", "mark", "of the first time")
        before = redis.hgetall("rag:chunk:twice:0")
        assert before[b"mark"] == b"of the first time"
        await client.ingest(b"Only oaks stood in the second forest.", document_id="twice")
        async for _ in client.wait_ingested(["twice"]):
            pass
    assert b"oaks" in redis.hget("rag:chunk:twice:0", "text")
    assert b"Beech" in before[b"text"]


def freeze_with_an_entry(stack: Stack, redis: Any, part: str, stream: str, put: Any) -> str:
    """Stop a worker while it waits for entries, and publish until Redis has given it one.

    A worker blocked in its read is given the next entry by the server, stopped or not. Should
    it not be blocked just then, it goes on and the next one is tried.
    """
    for _ in range(20):
        os.kill(stack.pid(part), signal.SIGSTOP)
        published = str(put())
        for _ in range(20):
            if redis.xpending(stream, part)["pending"]:
                return published
            redis.blpop(["rag:nothing"], timeout=0.05)
        os.kill(stack.pid(part), signal.SIGCONT)
    raise AssertionError(f"no entry was ever inside the {part}")


@pytest.mark.parametrize(
    ("part", "stream"),
    [("embedder", "queries"), ("retriever", "retrieve"), ("generator", "generate")],
)
def test_a_query_inside_a_killed_worker_is_answered_once(
    stack: Stack, redis: Any, part: str, stream: str
) -> None:
    """A crash would lose a question, or answer it twice."""

    def put() -> str:
        return str(redis.xadd("rag:queries", {"question": QUESTION}).decode())

    query_id = freeze_with_an_entry(stack, redis, part, f"rag:{stream}", put)
    os.kill(stack.pid(part), signal.SIGKILL)
    [answer] = answers_to(redis, query_id)
    assert answer.status == "answered"


def test_a_generator_killed_while_it_writes_answers_once(stack: Stack, redis: Any) -> None:
    """A crash in the middle of an answer would lose it, or leave half of it as the whole."""
    query_id = redis.xadd("rag:queries", {"question": QUESTION, "stream": "true"}).decode()
    tokens, last, kinds = f"rag:tokens:{query_id}", "0", []
    while "token" not in kinds:
        [[_, entries]] = redis.xread({tokens: last}, block=GIVE_UP_S * 500)
        last = entries[-1][0]
        kinds += [json.loads(fields[DATA])["type"] for _, fields in entries]
    os.kill(stack.pid("generator"), signal.SIGKILL)
    [answer] = answers_to(redis, query_id)
    assert answer.status == "answered"
    events = [json.loads(fields[DATA])["type"] for _, fields in redis.xrange(tokens)]
    assert (events.count("started"), events.count("finished")) == (2, 1)
    assert answer.attempt == 2


async def test_a_cancelled_question_frees_the_generator(stack: Stack) -> None:
    """Triton would go on writing for somebody who has left, and everybody else would wait."""
    query = Query(id=uuid.uuid4().hex, question=QUESTION, stream=True, max_tokens=4096)
    async with stack.client() as client:
        events = client.stream(query)
        while not isinstance(await anext(events), Token):
            pass
        # or a fast machine has written a short answer to its end before anybody looks
        os.kill(stack.pid("triton"), signal.SIGSTOP)
        try:
            assert await client.cancel(query.id)
            [*_, last] = [event async for event in events]
        finally:
            os.kill(stack.pid("triton"), signal.SIGCONT)
        assert isinstance(last, Finished)
        assert last.answer.status == "cancelled"
        assert not await client.cancel(query.id)
        after = await client.ask(Query(question=QUESTION))
    assert after.status == "answered"


def test_a_bulk_question_from_any_shell_changes_its_lane(redis: Any) -> None:
    """Ten thousand questions of a script would stand before those of people."""
    answer = ask_raw(redis, {"question": QUESTION, "priority": "bulk"})
    assert answer.status == "answered"
    assert redis.xinfo_stream("rag:generate:bulk")["entries-added"] >= 1


async def test_a_document_inside_a_killed_ingestor_is_ingested(stack: Stack, redis: Any) -> None:
    """A crash would lose a document that was accepted."""

    def put() -> str:
        document = {"id": f"d-{uuid.uuid4().hex}", "text": "The larch sheds its needles in autumn."}
        redis.xadd("rag:documents", {DATA: json.dumps(document)})
        return document["id"]

    document_id = freeze_with_an_entry(stack, redis, "ingestor", "rag:documents", put)
    os.kill(stack.pid("ingestor"), signal.SIGKILL)
    async with stack.client() as client:
        [state] = [one async for one in client.wait_ingested([document_id], timeout_s=GIVE_UP_S)]
    assert (state.state, state.chunks) == ("ingested", 1)
