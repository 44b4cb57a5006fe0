"""A run of many questions: each asked once, however often it is begun anew; answers from anywhere.

Answers are read from the stream of all answers, from a position that the run remembers, so that
those are found that came while nobody was there. How long they stay is the workers' setting.
"""

from dataclasses import dataclass
from typing import Any, Final

from msgspec import DecodeError
from redis.asyncio import Redis

from shared.backpressure import Once, Publisher
from shared.client import checked
from shared.messages import Answer, Query, decode_answer, decode_query
from shared.pipeline import now_ms
from shared.redis import told
from shared.streams import DATA, Namespace, order

_PAGE: Final = 200
_REMEMBERED_S: Final = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Position:
    """Where somebody stands in the stream of answers.

    Attributes:
        after: entry id of the last answer that was read; "0-0" before the first.
        at_ms: when that was, milliseconds since the epoch by Redis's clock.
    """

    after: str
    at_ms: int


class Bulk:
    """What a run does with Redis.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        run_id: unique name of the run.
        high_water: entries of one stage past which nothing more is published, above 0.

    Every method raises RedisUnavailable while Redis is away, RedisRefused where it does not let
    us in; after either it may be called again.
    """

    def __init__(
        self, redis: Redis, names: Namespace, run_id: str, *, high_water: int = 20_000
    ) -> None:
        self._redis = redis
        self._names = names
        self._asked = names.asked(run_id)
        self._publisher = Publisher(redis, high_water)

    async def ask(self, query: Query) -> None:
        """Publish a question, unless this run has published it before.

        Raises:
            InvalidMessage: a field is out of its bounds.
            Overloaded: too much waits already; `retry_after_s` says how long to wait.
        """
        payload = checked(query, decode_query)
        names, once = self._names, Once(self._asked, query.id, _REMEMBERED_S)
        stages = (names.queries, names.retrieve, names.generate)
        with told():
            await self._publisher.publish(
                [names.lane(stage, query.priority) for stage in stages], payload, once
            )

    async def newest(self) -> Position:
        """The position after all answers that are there now."""
        with told():
            at_ms = await now_ms(self._redis)
            rows: Any = await self._redis.xrevrange(self._names.answers, count=1)
        return Position(rows[0][0].decode() if rows else "0-0", at_ms)

    async def answers(self, after: str, *, wait_ms: int) -> list[tuple[str, Answer]]:
        """The next answers to anybody's questions, oldest first, each with its entry id.

        Args:
            after: entry id to read on from.
            wait_ms: how long to wait for the first one, above 0.

        Returns:
            None in time gives an empty list.
        """
        with told():
            reply: Any = await self._redis.xread(
                {self._names.answers: after}, count=_PAGE, block=wait_ms
            )
        rows = reply[0][1] if reply else []
        return [(entry_id.decode(), _answer(fields)) for entry_id, fields in rows]

    async def may_have_missed(self, position: Position, kept_s: int) -> bool:
        """Whether answers after this position may have been trimmed before they were read.

        Args:
            position: where reading shall go on.
            kept_s: how long answers stay on their stream.
        """
        with told():
            at_ms = await now_ms(self._redis)
            rows: Any = await self._redis.xrange(self._names.answers, count=1)
        return is_behind(position, rows[0][0].decode() if rows else None, at_ms, kept_s)


def is_behind(position: Position, oldest: str | None, at_ms: int, kept_s: int) -> bool:
    """Whether what followed a position may be gone.

    Args:
        position: of the reader.
        oldest: entry id of the oldest answer that is there; None if there is none: a stream is
            trimmed when something is added, so that nothing ever followed.
        at_ms: the time now, by Redis's clock.
        kept_s: how long answers stay.
    """
    if oldest is None or order(oldest) <= order(position.after):
        return False
    return at_ms - position.at_ms > kept_s * 1000


def _answer(fields: dict[bytes, bytes]) -> Answer:
    """An entry's Answer; one to nobody where a stranger wrote the entry."""
    try:
        return decode_answer(fields.get(DATA, b""))
    except DecodeError:  # ValidationError among them
        return Answer(query_id="", status="failed")
