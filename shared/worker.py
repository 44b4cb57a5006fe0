"""A worker process: its stages subscribed through FastStream, with health, until SIGTERM."""

import logging
import random
import signal
import time
from asyncio import gather, sleep
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from faststream import AckPolicy
from faststream.asgi import AsgiFastStream
from faststream.redis import RedisBroker, StreamSub
from redis.asyncio import Redis

from shared import health, http, metrics, tracing
from shared.answers import Endings
from shared.backlog import Backlog
from shared.broker import StreamBroker
from shared.delivery import Delivery, RetryPolicy, Stage
from shared.errors import Outage
from shared.redis import check, connect, ensure_groups
from shared.redis_url import url_from
from shared.settings import CommonSettings, load
from shared.slots import Slots
from shared.spans import Tracer
from shared.streams import Entry, Namespace, Retention
from shared.telemetry import configure
from shared.triton import Triton
from shared.wanted import Wanted

log = structlog.get_logger()
# FastStream's own logger brings handlers of its own; this one goes the way of all lines.
_LOGGER = logging.getLogger("ragstream.faststream")
# A read that finds nothing waits so long in Redis: an entry ends it at once, and each new start of
# it costs a worker that has nothing to do a millisecond of processor time.
_READ_MS = 5_000
# What was read is in hand after a round trip to Redis at most; FastStream need not wait for more
# before it stops to read, since all in hand is drained afterwards.
_HANDOVER_S = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Worker:
    """What every worker has in hand for one namespace.

    Attributes:
        settings: what all workers share.
        redis: client that returns bytes.
        triton: client of the models.
        names: keys of the namespace.
        endings: effects that end a query or a document's ingestion.
        wanted: whether anybody still waits for a query.
        metrics: what is counted, shown on /metrics.
        tracer: shows what the worker does; None where no collector is named.
    """

    settings: CommonSettings
    redis: Redis
    triton: Triton
    names: Namespace
    endings: Endings
    wanted: Wanted
    metrics: metrics.Metrics
    tracer: Tracer | None = None


@asynccontextmanager
async def workers(part: str) -> AsyncIterator[Sequence[Worker]]:
    """Read the shared settings, set up logging, open the connections, close them at the end.

    Yields:
        One for each namespace that this process serves; they share the client of the models.
    """
    settings = load(CommonSettings)
    configure(part, settings.log_level)
    triton = Triton(settings.triton_url)
    counted, tracer = metrics.Metrics(part), tracing.opened(part, settings)
    each = [_worker(settings, triton, Namespace(n), counted, tracer) for n in settings.served]
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield each
    finally:
        await gather(*(one.redis.aclose() for one in each))
        await triton.close()


def _worker(
    settings: CommonSettings,
    triton: Triton,
    names: Namespace,
    counted: metrics.Metrics,
    tracer: Tracer | None,
) -> Worker:
    retention = Retention(
        query_s=settings.query_retention_s,
        answer_s=settings.answer_retention_s,
        tokens_s=settings.tokens_retention_s,
    )
    redis = connect(url_from(settings, names.name))
    endings, wanted = Endings(names, retention, time.time), Wanted(redis, names)
    return Worker(settings, redis, triton, names, endings, wanted, counted, tracer)


def _exit(_number: int, _frame: object) -> None:
    """End in order; uvicorn, too, raises the signal again once it has shut down."""
    raise SystemExit(0)


async def wait_until(passes: Callable[[], Awaitable[Any]]) -> None:
    """Run a start-up check until no server that it needs is away; other errors pass."""
    policy, tries = RetryPolicy(), 0
    while True:
        try:
            await passes()
        except Outage as outage:
            tries += 1
            log.warning("waiting", code=outage.code, reason=str(outage))
            await sleep(policy.wait_s(tries, random.random()))  # noqa: S311 - jitter, no secret
        else:
            return


async def _nothing(_own: Worker) -> None:
    """There is nothing to say."""


@dataclass(frozen=True, slots=True)
class _Share:
    """What is served of one namespace.

    Attributes:
        own: its connections.
        stages: what is done with which stream.
        delivery: runs its stages.
        slots: what is in hand of each.
        broker: reads their streams.
    """

    own: Worker
    stages: Sequence[Stage[Any]]
    delivery: Delivery
    slots: Sequence[Slots]
    broker: RedisBroker


async def serve(
    served: Mapping[Worker, Sequence[Stage[Any]]],
    *,
    search: bool = False,
    models: Sequence[str] = (),
    note: Callable[[Worker], Awaitable[None]] = _nothing,
) -> None:
    """Serve stages until the process is told to stop. It begins once all of Redis answers.

    Args:
        served: for each namespace, what to do with which stream.
        search: the worker needs Redis's search commands.
        models: the worker needs these models in Triton.
        note: looks at each namespace, once all is there, before anything is read.

    Raises:
        SetupError: Redis or Triton answers and is not as the worker needs it.
    """
    first = next(iter(served))
    settings, check_models = first.settings, partial(first.triton.require, models)
    await gather(*(wait_until(partial(check, own.redis, search=search)) for own in served))
    await wait_until(check_models)
    await gather(*(wait_until(partial(note, own)) for own in served))
    async with AsyncExitStack() as swept:
        shares = [await _share(own, stages, swept) for own, stages in served.items()]
        app = _app(settings, shares, [*(own.redis.ping for own in served), check_models])
        streams = [stage.stream for stages in served.values() for stage in stages]
        log.info("serving", streams=streams, consumer=settings.consumer)
        await http.serve(app, settings.health_host, settings.health_port)


async def _share(own: Worker, stages: Sequence[Stage[Any]], swept: AsyncExitStack) -> _Share:
    """Subscribe to one namespace's stages, and sweep their groups."""
    groups = [(stage.stream, stage.group) for stage in stages]
    await wait_until(partial(ensure_groups, own.redis, groups))
    delivery, broker = _delivery(own), _broker(own)
    await swept.enter_async_context(delivery.claims.swept(groups))
    slots = [Slots(delivery, stage) for stage in stages]
    for stage, in_hand in zip(stages, slots, strict=True):
        _subscribe(broker, delivery, stage, in_hand, own.settings)
    return _Share(own, stages, delivery, slots, broker)


def _app(
    settings: CommonSettings, shares: Sequence[_Share], checks: Sequence[health.Check]
) -> AsgiFastStream:
    """All that is served, with health, and drained once FastStream reads no more."""

    async def drain() -> None:
        every = [slots for share in shares for slots in share.slots]
        await gather(*(slots.drain(settings.grace_period_s) for slots in every))

    page = ("/metrics", metrics.page(shares[0].own.metrics, _looks(shares)))
    return AsgiFastStream(
        *(share.broker for share in shares),
        logger=_LOGGER,
        after_shutdown=[drain],
        asgi_routes=[*health.routes([share.delivery for share in shares], checks), page],
    )


def _looks(shares: Sequence[_Share]) -> Callable[[], Awaitable[None]]:
    """What the metrics say before anything happened, and a look at what is not counted."""
    counted = shares[0].own.metrics  # one for all namespaces: a stream's name tells which
    stages = [stage for share in shares for stage in share.stages]
    counted.announce([stage.stream for stage in stages])
    for stage in stages:
        counted.set(metrics.CAPACITY, stage.concurrency, stream=stage.stream)
    backlogs = [
        Backlog(share.own.redis, [(stage.stream, stage.group) for stage in share.stages], counted)
        for share in shares
    ]

    async def look() -> None:
        outages = [share.delivery.outage for share in shares]
        counted.set(metrics.PAUSED, any(outage is not None for outage in outages))
        await gather(*(backlog.look() for backlog in backlogs))

    return look


def _delivery(own: Worker) -> Delivery:
    return Delivery(
        own.redis,
        own.names,
        own.settings.consumer,
        visibility_timeout_ms=own.settings.visibility_timeout_ms,
        query_retention_s=own.settings.query_retention_s,
        retry=RetryPolicy(max_attempts=own.settings.max_attempts),
        metrics=own.metrics,
        tracer=own.tracer,
    )


def _broker(own: Worker) -> RedisBroker:
    return StreamBroker(
        url_from(own.settings, own.names.name),
        parser=_keep_raw,
        decoder=_to_entry,
        apply_types=False,
        logger=_LOGGER,
        log_level=logging.DEBUG,
        graceful_timeout=_HANDOVER_S,
    )


def _subscribe(
    broker: RedisBroker,
    delivery: Delivery,
    stage: Stage[Any],
    slots: Slots,
    settings: CommonSettings,
) -> None:
    """Subscribe twice: for new entries, and for those that a dead consumer left behind."""

    async def on_new(entry: Entry) -> None:
        await slots.take(entry)

    async def on_claimed(entry: Entry) -> None:
        await slots.take(await delivery.claims.counted(stage.group, entry))

    visible_ms = settings.visibility_timeout_ms
    sub = partial(
        StreamSub,
        stage.stream,
        group=stage.group,
        consumer=settings.consumer,
        max_records=1,  # what is read and waits for a slot would only keep others from it
    )
    new = sub(polling_interval=_READ_MS)
    claimed = sub(polling_interval=max(50, visible_ms // 4), min_idle_time=visible_ms)
    for source, handler in ((new, on_new), (claimed, on_claimed)):
        broker.subscriber(stream=source, ack_policy=AckPolicy.MANUAL, no_reply=True)(handler)


async def _keep_raw(raw: Any, parse: Callable[[Any], Awaitable[Any]]) -> Any:
    """Keep FastStream from reading the fields: they may be no text, and decoding is a stage's."""
    message = await parse({**raw, "data": {}})
    message.raw_message = raw
    return message


async def _to_entry(message: Any) -> Entry:
    raw = message.raw_message
    return Entry(stream=raw["channel"], id=raw["message_ids"][0].decode(), fields=raw["data"])
