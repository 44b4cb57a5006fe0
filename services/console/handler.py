"""What the page can ask for: plain functions that get their clients."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from redis.asyncio import Redis

from services.cli.dead_view import LetterView, WholeLetterView
from services.console.access import NotThere
from services.console.replies import ErrorView, event
from shared import generations
from shared.client import RagstreamClient
from shared.dead import Outcome, list_dead, read_dead, redrive
from shared.errors import RagstreamError
from shared.generations import UNKNOWN
from shared.messages import Answer, Finished, Query, Started, TokenEvent
from shared.redis import told
from shared.streams import Namespace
from shared.trail import ended
from shared.whereabouts import Whereabouts, find

MOST_LETTERS = 50
_MOST_SEARCHED = 2_000  # entries of each stream: whoever may look must not keep Redis busy
_LATE_S = 1.0  # an answer that says `expired` comes a moment after the deadline


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, oldest first; `length` is how many there are in all."""

    length: int
    letters: tuple[LetterView, ...]
    more: bool


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """Where a query is, and its Answer once it has one."""

    whereabouts: Whereabouts
    answer: Answer | None


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk as it stands in the index now; its document may have been replaced since."""

    chunk_id: str
    document_id: str
    title: str
    section: str
    page: int | None
    text: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one letter."""

    id: str
    outcome: Outcome


async def ask(client: RagstreamClient, query: Query, timeout_s: float) -> AsyncGenerator[bytes]:
    """Publish a question and hand on what is written.

    Args:
        client: publishes and reads.
        query: with an id.
        timeout_s: longest wait for the Answer; the query's own deadline.

    Yields:
        Events: `asked`, then `started` and `token`, then `finished`; or `error` as the last.
    """
    yield event("asked", {"query_id": query.id})
    try:
        async with aclosing(client.stream(query, timeout_s=timeout_s + _LATE_S)) as written:
            async for one in written:
                yield event(_name(one), one)
    except TimeoutError:
        slow = f"no answer within {timeout_s:g} s; it may still come: see the recent queries"
        yield event("error", ErrorView(code="no_answer", message=slow))
    except RagstreamError as exc:
        yield event("error", ErrorView.of(exc))


def _name(written: TokenEvent) -> str:
    match written:
        case Started():
            return "started"
        case Finished():
            return "finished"
        case _:
            return "token"


async def look_up(redis: Redis, names: Namespace, query_id: str) -> Detail:
    """Where a query is, and how it ended.

    Raises:
        RedisUnavailable, RedisRefused: Redis is away, or the user may not look.
    """
    found = await find(redis, names, query_id, most_entries=_MOST_SEARCHED)
    on_its_way = found.state in {"waiting", "in_hand", "unknown", "dead"}
    answer = None
    if not on_its_way:
        answer = await ended(redis, names, query_id, most_entries=_MOST_SEARCHED)
    return Detail(whereabouts=found, answer=answer)


async def passage(redis: Redis, names: Namespace, chunk_id: str) -> Passage:
    """The chunk that a citation points to.

    Raises:
        NotThere: its document was removed, or became shorter.
    """
    fields = ("document_id", "title", "section", "page", "text")
    with told():
        searched = (await generations.read(redis, names)).active or UNKNOWN
        key = f"{names.chunk_prefix(searched.number)}{chunk_id}"
        found: Any = await redis.hmget(key, fields)
    known = {name: value.decode() for name, value in zip(fields, found, strict=True) if value}
    if "text" not in known:
        raise NotThere("the passage is not there any more: its document was removed or replaced")
    return Passage(
        chunk_id=chunk_id,
        document_id=known.get("document_id", ""),
        title=known.get("title", ""),
        section=known.get("section", ""),
        page=int(known["page"]) if "page" in known else None,
        text=known["text"],
    )


async def letters(redis: Redis, names: Namespace, code: str | None) -> Letters:
    """The oldest dead letters, with one error code if it is given."""
    found: list[LetterView] = []
    with told():
        length = await redis.xlen(names.dead)
    async with aclosing(list_dead(redis, names, code=code)) as each:
        async for letter in each:
            found.append(LetterView.of(letter))
            if len(found) > MOST_LETTERS:
                break
    shown = tuple(found[:MOST_LETTERS])
    return Letters(length=length, letters=shown, more=len(found) > MOST_LETTERS)


async def letter(redis: Redis, names: Namespace, letter_id: str) -> WholeLetterView:
    """One dead letter with what can be read of its content.

    Raises:
        NotThere: there is none with this id (any more).
    """
    found = await read_dead(redis, names, letter_id)
    if found is None:
        raise NotThere("this dead letter is not there any more: redriven or dropped meanwhile")
    return WholeLetterView.of(found)


async def redrive_each(redis: Redis, names: Namespace, ids: Sequence[str]) -> list[Done]:
    """Put letters back on the streams that they failed in; each at most once."""
    done = []
    for letter_id in ids:
        found = await read_dead(redis, names, letter_id)
        outcome = await redrive(redis, names, found) if found else "gone"
        done.append(Done(id=letter_id, outcome=outcome))
    return done
