"""What is counted of entries over a real Redis: each end once, and what waits as it is now."""

import asyncio
from typing import Any

import pytest

from shared import metrics as m
from shared.backlog import Backlog
from shared.delivery import Delivery, RetryPolicy, Stage
from shared.errors import Cancelled, InvalidQuery, Transient, TritonUnavailable
from shared.messages import Answer, Query, Usage, encode_json
from shared.metrics import Metrics
from shared.redis import connect
from shared.streams import DATA, Effect, Entry, Namespace
from tests.integration.pipelines import Handle, Pipeline, fails

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Counted(Pipeline):
    """The embedder's stage of a worker whose metrics can be read."""

    def __init__(self, redis: Any, names: Namespace) -> None:
        super().__init__(redis, names)
        self.metrics = Metrics("embedder")
        retry = RetryPolicy(max_attempts=3, first_s=0.001, most_s=0.002)
        self.delivery = Delivery(redis, names, "worker-1", retry=retry, metrics=self.metrics)

    async def ask(self, handle: Handle, query_id: str, **fields: Any) -> tuple[Stage[Query], Entry]:
        """Publish a question and take it in hand."""
        query = Query(id=query_id, question="Why?", **fields)
        await self.redis.xadd(self.names.queries, {DATA: encode_json(query)})
        stage = self.entrance(handle)
        return stage, await self.take(stage)

    async def bring(self, handle: Handle, query_id: str, **fields: Any) -> None:
        """Ask, and bring the entry to its end."""
        await self.delivery.process(*await self.ask(handle, query_id, **fields))

    def value(self, metric: m.Metric, suffix: str = "", **labels: str) -> float | None:
        """The value of one series, None if it is not shown."""
        name = f"ragstream_embedder_{metric.name}{suffix}"
        return self.metrics.registry.get_sample_value(name, labels)

    def handled(self, outcome: str) -> float | None:
        return self.value(m.HANDLED, stream=self.names.queries, outcome=outcome)


@pytest.fixture
def counted(redis: Any, namespace: str) -> Counted:
    return Counted(redis, Namespace(namespace))


async def test_each_end_is_counted_once(counted: Counted) -> None:
    """Operators would look for trouble where there is none, or see none."""
    stream = {"stream": counted.names.queries}
    await counted.bring(counted.on, "good")
    await counted.bring(counted.on, "good")
    await counted.bring(fails(InvalidQuery("no question")), "bad")
    await counted.bring(fails(Cancelled("its publisher cancelled it")), "unwanted")
    await counted.bring(fails(Transient("not yet")), "never")
    ends = {outcome: counted.handled(outcome) for outcome in m.OUTCOMES}
    assert ends == {"done": 1, "failed": 2, "unwanted": 1, "duplicate": 1, "lost": None}
    codes = ("invalid_query", "cancelled", "attempts_exhausted")
    assert [counted.value(m.FAILED, **stream, code=code) for code in codes] == [1, 1, 1]
    assert counted.value(m.DEAD, **stream) == 2
    assert counted.value(m.RETRIED, **stream) == 2
    assert [counted.value(m.ANSWERS, status=s) for s in ("failed", "cancelled")] == [2, 1]
    assert counted.value(m.WORK, "_count", **stream) == 5
    assert counted.value(m.IN_FLIGHT, **stream) == 0


async def test_an_answer_that_was_not_published_is_not_counted(counted: Counted) -> None:
    """A frozen worker that wakes up would count somebody else's answer as its own."""
    usage = Usage(prompt_tokens=300, completion_tokens=20)
    answer = Answer(query_id="q", status="answered", support=0.8, extracted=True, usage=usage)

    async def finish(_entry: Entry, _message: Any) -> list[Effect]:
        return counted.endings.finish(answer)

    stage, entry = await counted.ask(finish, "q")
    for _ in range(2):
        await counted.delivery.process(stage, entry)
    assert [counted.handled(outcome) for outcome in ("done", "lost")] == [1, 1]
    assert counted.value(m.ANSWERS, status="answered") == 1
    assert counted.value(m.QUOTED) == 1
    assert counted.value(m.PROMPT_TOKENS) == 300
    assert counted.value(m.COMPLETION_TOKENS) == 20
    assert counted.value(m.SUPPORT, "_sum") == 0.8


async def test_an_outage_is_counted_and_no_failure(counted: Counted) -> None:
    """A restart of Triton would look like a fault of the questions."""
    pauses = iter([TritonUnavailable("restarts"), TritonUnavailable("restarts")])

    async def handle(entry: Entry, query: Query) -> Any:
        for outage in pauses:
            raise outage
        return await counted.on(entry, query)

    await counted.bring(handle, "q")
    assert counted.value(m.PAUSES, code="triton_unavailable") == 2
    assert counted.handled("done") == 1
    assert counted.value(m.RETRIED, stream=counted.names.queries) is None


async def test_what_is_in_hand_is_seen_while_it_is(counted: Counted) -> None:
    """A worker that hangs would look idle."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handle(entry: Entry, query: Query) -> Any:
        begun.set()
        await go_on.wait()
        return await counted.on(entry, query)

    task = asyncio.create_task(counted.bring(handle, "q"))
    await begun.wait()
    assert counted.value(m.IN_FLIGHT, stream=counted.names.queries) == 1
    go_on.set()
    await task
    assert counted.value(m.IN_FLIGHT, stream=counted.names.queries) == 0


async def test_times_lead_to_the_trace_of_their_question(counted: Counted) -> None:
    """A slow question could be seen on a dashboard, and not be found."""
    await counted.bring(counted.on, "q", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    for name in ("queue_seconds", "work_seconds"):
        named = [
            sample.exemplar.labels
            for family in counted.metrics.registry.collect()
            for sample in family.samples
            if sample.exemplar and family.name == f"ragstream_embedder_{name}"
        ]
        assert named == [{"trace_id": TRACE}], name


async def test_a_look_tells_what_waits_and_how_old_it_is(counted: Counted) -> None:
    """A stage would fall behind, and nobody be told."""
    stage, entry = await counted.ask(counted.on, "first")
    for query_id in ("second", "third"):
        query = encode_json(Query(id=query_id, question="Why?"))
        await counted.redis.xadd(counted.names.queries, {DATA: query})
    pairs = [(stage.stream, stage.group)]
    later = lambda: entry.published_ms / 1000 + 7.5  # noqa: E731 - a clock
    backlog = Backlog(counted.redis, pairs, counted.metrics, later)
    await backlog.look()
    looked = [counted.value(metric, stream=stage.stream) for metric in (m.LAG, m.PENDING, m.OLDEST)]
    assert looked == [2, 1, 7.5]
    await counted.delivery.process(stage, entry)
    for _ in range(2):
        await counted.delivery.process(stage, await counted.take(stage))
    await backlog.look()
    looked = [counted.value(metric, stream=stage.stream) for metric in (m.LAG, m.PENDING, m.OLDEST)]
    assert looked == [0, 0, 0]


async def test_an_outage_of_redis_leaves_no_old_number(counted: Counted) -> None:
    """A dashboard would show a short queue while nobody could look at it."""
    counted.metrics.set(m.LAG, 3, stream="rag:queries")
    async with connect("redis://127.0.0.1:1/0", "") as nobody:
        await Backlog(nobody, [("rag:queries", "embedder")], counted.metrics).look()
    assert counted.value(m.LAG, stream="rag:queries") is None
