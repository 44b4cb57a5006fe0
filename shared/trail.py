"""What a query leaves in the streams: its entries, its last event, its Answer; read in pages."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from shared.errors import Undecodable
from shared.messages import Answer, Finished, TokenEvent, decode_answer, decode_token_event
from shared.redis import told
from shared.stages import Place, places
from shared.streams import Entry, Namespace, decoded

PAGE = 200
MOST_ENTRIES = 20_000


@dataclass(slots=True)
class Search:
    """One search for one query.

    Attributes:
        redis: client that returns bytes.
        query_id: as published.
        most_entries: of one stream to be read, up to a full page.
        now_ms: Redis's clock, milliseconds since the epoch.
        cut: streams in which it had to stop early.
    """

    redis: Redis
    query_id: str
    most_entries: int
    now_ms: int
    cut: list[str] = field(default_factory=list)

    def age_s(self, entry: Entry) -> float:
        """Seconds since an entry was added."""
        return max(0.0, round((self.now_ms - entry.published_ms) / 1000, 3))


async def ended(
    redis: Redis, names: Namespace, query_id: str, *, most_entries: int = MOST_ENTRIES
) -> Answer | None:
    """A query's Answer: from its own stream or, where that is gone, from `answers`.

    Args:
        redis: client that returns bytes; a publisher's rights are enough.
        names: the namespace.
        query_id: as published.
        most_entries: look at no more of the newest answers than these, up to a full page.

    Returns:
        None if it has none yet, was never taken in, or is forgotten. Once its own stream is gone,
        a failed Answer does not count either: it may have been redriven since.

    Raises:
        RedisUnavailable, RedisRefused: Redis is away, or the user may not look.
    """
    with told():
        search = Search(redis, query_id, most_entries, now_ms=0)
        own = await last_event(search, names)
        if own is not None:
            return own[1].answer if isinstance(own[1], Finished) else None
        taken_in: Any = await redis.get(names.seen(query_id))
        if taken_in is None:
            return None
        [answers] = [place for place in places(names) if place.kind == "answer"]
        met = await scan(search, answers, newest_first=True, since=taken_in.decode())
    answer = decoded(decode_answer)(met[0]) if met else None
    return None if answer is None or answer.status == "failed" else answer


async def last_event(search: Search, names: Namespace) -> tuple[Entry, TokenEvent] | None:
    """The newest event of the query's own stream, and its entry there."""
    key = names.tokens(search.query_id)
    last: Any = await search.redis.xrevrange(key, count=1)
    if not last:
        return None
    entry = Entry(key, last[0][0].decode(), last[0][1])
    try:
        return entry, decoded(decode_token_event)(entry)
    except Undecodable:  # a stranger's: the other streams know
        return None


async def scan(
    search: Search, place: Place, *, newest_first: bool = False, since: str = "-"
) -> tuple[Entry, int] | None:
    """The query's entry and how many were passed before it."""
    passed = 0
    looked = _pages(search.redis, place.stream, newest_first=newest_first, since=since)
    async with aclosing(looked) as pages:
        async for page in pages:
            if passed >= search.most_entries:
                search.cut.append(place.name)
                return None
            for entry in page:
                if place.about(entry) == search.query_id:
                    return entry, passed
                passed += 1
    return None


async def _pages(
    redis: Redis, stream: str, *, newest_first: bool, since: str
) -> AsyncGenerator[list[Entry]]:
    after: str | None = None
    while True:
        if newest_first:
            rows: Any = await redis.xrevrange(
                stream, f"({after}" if after else "+", since, count=PAGE
            )
        else:
            rows = await redis.xrange(stream, f"({after}" if after else since, count=PAGE)
        if not rows:
            return
        yield [Entry(stream, entry_id.decode(), fields) for entry_id, fields in rows]
        after = rows[-1][0].decode()
