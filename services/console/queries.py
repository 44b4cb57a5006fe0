"""The newest queries and where each of them is, as the streams themselves say."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from redis.asyncio import Redis

from services.embedder.questions import read_query
from shared.errors import Permanent
from shared.messages import Answer, decode_answer, decode_generate, decode_retrieve
from shared.pipeline import ask
from shared.redis import told
from shared.stages import PipelineView, Place, places
from shared.streams import Entry, Namespace, decoded, order
from shared.whereabouts import State

MOST = 60  # that the page shows, the newest
_OF_EACH = 20  # entries read of a stage: they carry passages, and may be large
_STAGES = ("queries", "retrieve", "generate")  # and the bulk lane of each
_LONGEST = 300  # characters shown of a question or an answer

_read_retrieve = decoded(decode_retrieve)
_read_generate = decoded(decode_generate)
_read_answer = decoded(decode_answer)


class QueryView(msgspec.Struct, frozen=True, kw_only=True):
    """One query.

    Attributes:
        state: `waiting` or `in_hand` in a stage, or how its Answer says that it ended.
        entry_id: of the entry that says so.
        since_s: seconds since that entry was added.
        words: the question while it is on its way, the answer's beginning once it has ended.
        stage: where it is, without the namespace; None once it has ended.
        consumer: who has it in hand.
        took_s: from its acceptance to its Answer, as far as the stages measured.
    """

    id: str
    state: State
    entry_id: str
    since_s: float
    words: str
    stage: str | None = None
    consumer: str | None = None
    took_s: float | None = None


async def read(redis: Redis, names: Namespace, view: PipelineView) -> tuple[QueryView, ...]:
    """The newest queries, newest first, in one round trip.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        view: a look at the streams just before; it says who has what in hand.

    Raises:
        RedisUnavailable, RedisRefused: Redis is away, or the user may not look.
    """
    held = _held(view)
    there = {place.name: place for place in places(names) if place.kind in {"query", "answer"}}
    wanted = [(place, _newest(place)) for place in there.values()]
    wanted += [(there[name], _one(there[name], entry_id)) for name, entry_id in held]
    with told():
        replies = await ask(redis, [command for _, command in wanted])
    rows = zip((place for place, _ in wanted), replies, strict=True)
    return newest(_views(rows, held, view.at_ms))


def newest(found: Iterable[QueryView]) -> tuple[QueryView, ...]:
    """Each query once, as its newest entry says: one that moved on was met twice.

    Those in hand are older than what waits behind them: they stay, however many are newer.
    """
    by_id: dict[str, QueryView] = {}
    for one in found:
        met = by_id.get(one.id)
        if met is None or order(one.entry_id) > order(met.entry_id):
            by_id[one.id] = one
    ordered = sorted(by_id.values(), key=lambda one: order(one.entry_id), reverse=True)
    first = sorted(ordered, key=lambda one: one.state != "in_hand")[:MOST]
    return tuple(sorted(first, key=ordered.index))


def _newest(place: Place) -> Any:
    count = MOST if place.kind == "answer" else _OF_EACH
    return lambda pipe: pipe.xrevrange(place.stream, count=count)


def _one(place: Place, entry_id: str) -> Any:
    return lambda pipe: pipe.xrange(place.stream, entry_id, entry_id)


def _views(
    replies: Iterable[tuple[Place, Any]], held: Mapping[tuple[str, str], str], at_ms: int
) -> Iterator[QueryView]:
    for place, rows in replies:
        for entry_id, fields in rows or ():
            entry = Entry(place.stream, entry_id.decode(), fields)
            try:
                if place.kind == "answer":
                    yield _ended(entry, at_ms)
                else:
                    yield _on_its_way(place, entry, held.get((place.name, entry.id)), at_ms)
            except Permanent:  # bytes that are no message: the dead letters will show them
                continue


def _held(view: PipelineView) -> dict[tuple[str, str], str]:
    """Who has which entry of which stage of queries in hand, the first of each stage."""
    found = {}
    for stage in view.stages:
        if stage.name.partition(":")[0] in _STAGES:
            held = [(one.entry_id, by.name) for by in stage.consumers for one in by.in_hand]
            found.update({(stage.name, entry_id): by for entry_id, by in held[:_OF_EACH]})
    return found


def _on_its_way(place: Place, entry: Entry, consumer: str | None, at_ms: int) -> QueryView:
    query = _query(place, entry)
    return QueryView(
        id=query.id,
        state="waiting" if consumer is None else "in_hand",
        entry_id=entry.id,
        since_s=_age_s(entry, at_ms),
        words=query.question[:_LONGEST],
        stage=place.name,
        consumer=consumer,
    )


def _query(place: Place, entry: Entry) -> Any:
    match place.name.partition(":")[0]:
        case "retrieve":
            return _read_retrieve(entry).query
        case "generate":
            return _read_generate(entry).query
        case _:
            return read_query(entry)


def _ended(entry: Entry, at_ms: int) -> QueryView:
    answer: Answer = _read_answer(entry)
    took_ms = sum(timing.queue + timing.work for timing in answer.timings_ms.values())
    words = answer.error.message if answer.error and not answer.text else answer.text
    return QueryView(
        id=answer.query_id,
        state=answer.status,
        entry_id=entry.id,
        since_s=_age_s(entry, at_ms),
        words=words[:_LONGEST],
        took_s=round(took_ms / 1000, 3) if answer.timings_ms else None,
    )


def _age_s(entry: Entry, at_ms: int) -> float:
    return max(0.0, round((at_ms - entry.published_ms) / 1000, 3))
