"""Finds one query. No state is kept for it: the streams themselves are read, in pages."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis

from shared.messages import (
    Answer,
    ErrorInfo,
    Finished,
    Status,
    decode_answer,
)
from shared.pipeline import ask, now_ms, text
from shared.redis import told
from shared.stages import Place, places
from shared.streams import Entry, Namespace, decoded
from shared.trail import MOST_ENTRIES, Search, last_event, scan

State = Literal["waiting", "in_hand", "dead", "unknown"] | Status


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """Where a query is.

    Attributes:
        state: `waiting` or `in_hand` in a stage; how its Answer says that it ended; `dead` where
            only its dead letter is left; `unknown` where there is no trace of it.
        stage: the stream that its entry is in, without the namespace.
        entry_id: its entry there.
        since_s: seconds since it came there, or since it ended.
        ahead: entries before it in its stage, where it waits.
        group: which read it, where it is in hand.
        consumer: who has it in hand.
        idle_s: seconds since that consumer took it, or last said that it still works on it.
        attempt: how often it was handed to a consumer of this stage; of an answered one, which
            try of the last stage it was.
        error: why it ended as it did, where it is no answer.
        dead_letter: its entry on `dead`, where it failed.
        not_searched: streams that hold more entries than were read; empty if all were.
    """

    query_id: str
    state: State
    stage: str | None = None
    entry_id: str | None = None
    since_s: float | None = None
    ahead: int | None = None
    group: str | None = None
    consumer: str | None = None
    idle_s: float | None = None
    attempt: int | None = None
    error: ErrorInfo | None = None
    dead_letter: str | None = None
    not_searched: tuple[str, ...] = ()


async def find(
    redis: Redis, names: Namespace, query_id: str, *, most_entries: int = MOST_ENTRIES
) -> Whereabouts:
    """Find out where a query is.

    Stages are read in the order in which a query passes them, so that one that moves on
    meanwhile is met further on.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        query_id: as published, or the entry id of a query that was published without one.
        most_entries: read no more of one stream than these, up to a full page.

    Raises:
        RedisUnavailable, RedisRefused: Redis is away, or the user may not look.
    """
    with told():
        search = Search(redis, query_id, most_entries, await now_ms(redis))
        there = places(names)
        found = (
            await _own_stream(search, names)
            or await _on_its_way(search, [place for place in there if place.kind == "query"])
            or await _own_stream(search, names)
            or await _answered(search, _the("answer", there))
            or Whereabouts(query_id=query_id, state="unknown")
        )
        if found.state in {"failed", "unknown"}:
            found = await _with_letter(search, _the("dead", there), found)
    trace = found.state not in {"failed", "unknown"}
    return found if trace else replace(found, not_searched=tuple(search.cut))


def _the(kind: str, there: Sequence[Place]) -> Place:
    return next(place for place in there if place.kind == kind)


async def _own_stream(search: Search, names: Namespace) -> Whereabouts | None:
    """How it ended, by the last event of its own token stream."""
    match await last_event(search, names):
        case entry, Finished(answer=answer):
            return _ended(search, entry, answer)
    return None


async def _on_its_way(search: Search, stages: Sequence[Place]) -> Whereabouts | None:
    for place in stages:
        if met := await scan(search, place):
            entry, ahead = met
            if (found := await _in_stage(search, place, entry, ahead)) is not None:
                return found
    return None


async def _answered(search: Search, answers: Place) -> Whereabouts | None:
    met = await scan(search, answers, newest_first=True)
    return _ended(search, met[0], decoded(decode_answer)(met[0])) if met else None


def _ended(search: Search, entry: Entry, answer: Answer) -> Whereabouts:
    return Whereabouts(
        query_id=search.query_id,
        state=answer.status,
        since_s=search.age_s(entry),
        attempt=answer.attempt,
        error=answer.error,
    )


async def _with_letter(search: Search, dead: Place, found: Whereabouts) -> Whereabouts:
    """Add the dead letter, which may be all that is left."""
    met = await scan(search, dead, newest_first=True)
    if met is None:
        return found
    entry, state = met[0], "dead" if found.state == "unknown" else found.state
    since_s = search.age_s(entry) if found.since_s is None else found.since_s
    return replace(found, state=state, since_s=since_s, dead_letter=entry.id)


async def _in_stage(search: Search, place: Place, entry: Entry, ahead: int) -> Whereabouts | None:
    """Whether it waits there or is in hand; None if it has just moved on."""
    here = Whereabouts(
        query_id=search.query_id,
        state="waiting",
        stage=place.name,
        entry_id=entry.id,
        since_s=search.age_s(entry),
    )
    [groups] = await ask(search.redis, [lambda pipe: pipe.xinfo_groups(place.stream)])
    for group in groups or ():
        name = group["name"]
        rows: Any = await search.redis.xpending_range(place.stream, name, entry.id, entry.id, 1)
        if rows:
            return replace(
                here,
                state="in_hand",
                group=text(name),
                consumer=text(rows[0]["consumer"]),
                idle_s=rows[0]["time_since_delivered"] / 1000,
                attempt=rows[0]["times_delivered"],
            )
        if _order(group["last-delivered-id"].decode()) >= _order(entry.id):
            return None
    return replace(here, ahead=ahead)


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)
