"""What a trace shows of retries, crashes, dead letters and duplicates, over a real Redis."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import dead
from shared.errors import Cancelled, InvalidQuery, Transient, TritonUnavailable
from shared.messages import Answer, Query, decode_answer, encode_json
from shared.otlp import OtlpTracer
from shared.spans import trace_id_of
from shared.streams import DATA, Effect, Entry, Namespace
from tests.integration.pipelines import Handle, Pipeline, fails

THEIRS = "0af7651916cd43dd8448eb211c80319c"
QUERY = Query(id="q", question="why?", traceparent=f"00-{THEIRS}-b7ad6b7169203331-01")


class Traced(Pipeline):
    """Stages whose spans the test can look at."""

    def __init__(self, redis: Any, names: Namespace) -> None:
        self.exporter = InMemorySpanExporter()
        processor = SimpleSpanProcessor(self.exporter)
        tracer = OtlpTracer("", part="test", instance="a", processor=processor)
        super().__init__(redis, names, tracer)

    async def ask(self, query: Query = QUERY) -> None:
        await self.redis.xadd(self.names.queries, {DATA: encode_json(query)})

    async def answers(self) -> list[Answer]:
        rows = await self.redis.xrange(self.names.answers)
        return [decode_answer(fields[DATA]) for _, fields in rows]

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    @property
    def stage_spans(self) -> list[ReadableSpan]:
        return self.spans("embedder queries")


@pytest.fixture
def traced(redis: Any, namespace: str) -> Traced:
    return Traced(redis, Namespace(namespace))


def trace_id(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def is_under(span: ReadableSpan, other: ReadableSpan) -> bool:
    assert span.parent is not None
    assert other.context is not None
    return bool(span.parent.span_id == other.context.span_id)


def attribute(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(name)


def failing(traced: Traced, *errors: Exception) -> Handle:
    left = list(errors)

    async def handle(entry: Entry, query: Query) -> Sequence[Effect]:
        if left:
            raise left.pop(0)
        return await traced.on(entry, query)

    return handle


async def test_each_try_is_shown_and_the_way_goes_on(traced: Traced) -> None:
    """A question that was slow for its retries would look slow for no reason."""
    await traced.ask()
    await traced.run(traced.entrance(failing(traced, Transient("once"))))
    await traced.run(traced.retriever(traced.answer))
    [stage] = traced.stage_spans
    tries = [span for span in traced.spans("work") if is_under(span, stage)]
    assert [attribute(span, "ragstream.attempt") for span in tries] == [1, 2]
    assert [span.status.description for span in tries] == ["transient", None]
    assert attribute(stage, "ragstream.outcome") == "committed"
    [following] = traced.spans("retriever retrieve")
    assert is_under(following, stage)


async def test_an_outage_is_an_event_and_no_failure(traced: Traced) -> None:
    """An hour without Triton would leave a trace of a thousand failed tries."""
    await traced.ask()
    away = TritonUnavailable("away")
    await traced.run(traced.entrance(failing(traced, away, away)))
    [work] = traced.spans("work")
    assert [event.name for event in work.events] == ["paused", "paused"]
    assert work.status.is_unset


async def test_an_entry_of_a_dead_worker_stays_in_its_trace(traced: Traced) -> None:
    """After a crash a question would be in two traces, and its wait in none."""
    await traced.ask()
    stage = traced.entrance(traced.on)
    entry = await traced.take(stage, "dead")
    await traced.process(stage, replace(entry, deliveries=2))
    [span] = traced.stage_spans
    assert trace_id(span) == THEIRS
    assert attribute(span, "ragstream.deliveries") == 2
    [queue] = [one for one in traced.spans("queue") if is_under(one, span)]
    assert queue.start_time == span.start_time == entry.published_ms * 1_000_000


async def test_of_two_workers_with_one_entry_one_commits(traced: Traced) -> None:
    """Nobody could tell from a trace which of two spans led to the answer."""
    await traced.ask()
    stage = traced.entrance(traced.on)
    entry = await traced.take(stage)
    await traced.process(stage, entry)
    await traced.process(stage, entry)
    found = [attribute(span, "ragstream.outcome") for span in traced.stage_spans]
    assert found == ["committed", "finished by another"]


async def test_a_duplicate_says_so(traced: Traced) -> None:
    """A question published twice would look as if it had been lost."""
    for _ in range(2):
        await traced.ask()
        await traced.run(traced.entrance(traced.on))
    found = [attribute(span, "ragstream.outcome") for span in traced.stage_spans]
    assert found == ["committed", "duplicate"]


async def test_a_dead_letter_fails_and_is_redriven_in_its_trace(traced: Traced) -> None:
    """The trace of what went wrong would not say so, or end with it."""
    await traced.ask()
    await traced.run(traced.entrance(fails(InvalidQuery("no"))))
    [failed] = traced.stage_spans
    assert failed.status.description == "invalid_query"
    assert [trace_id_of(answer.traceparent) for answer in await traced.answers()] == [THEIRS]
    letters = await traced.redis.xrange(traced.names.dead)
    letter = await dead.read_dead(traced.redis, traced.names, letters[0][0].decode())
    assert letter is not None
    assert await dead.redrive(traced.redis, traced.names, letter) == "redriven"
    await traced.run(traced.entrance(traced.on))
    assert [trace_id(span) for span in traced.stage_spans] == [THEIRS, THEIRS]


async def test_a_question_that_nobody_wants_is_no_failure(traced: Traced) -> None:
    """Each cancelled question would count as an error of ours."""
    await traced.ask()
    await traced.run(traced.entrance(fails(Cancelled("taken back"))))
    [stage], [work] = traced.stage_spans, traced.spans("work")
    assert stage.status.is_unset
    assert work.status.is_unset
    assert attribute(stage, "ragstream.ended") == "cancelled"


async def test_what_a_stopping_worker_hands_back_is_ended(traced: Traced) -> None:
    """Spans that nobody ends are never sent: the trace would have a hole."""
    begun = asyncio.Event()

    async def hang(_entry: Entry, _query: Query) -> Sequence[Effect]:
        begun.set()
        await asyncio.Event().wait()
        return []

    await traced.ask()
    running = asyncio.create_task(traced.run(traced.entrance(hang)))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    [stage] = traced.stage_spans
    assert attribute(stage, "ragstream.outcome") == "left pending"
    assert len(traced.spans("work")) == 1
