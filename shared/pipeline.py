"""Looks at every stream of the pipeline, in three round trips, and changes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.redis import told
from shared.stages import ConsumerView, PipelineView, Place, StageView, Work, places
from shared.streams import Entry, Namespace

# Entries in hand that are read for one stage: a worker has few, and they may be large.
MOST_IN_HAND = 100
_MISSING = ("no such key", "nogroup")
Ask = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Group:
    """What Redis says of one group of one place.

    Attributes:
        info: its row of XINFO GROUPS.
        consumers: rows of XINFO CONSUMERS.
        pending: rows of XPENDING, oldest first, at most MOST_IN_HAND.
        next_ms: when the next entry to be delivered was added, None if there is none.
    """

    place: Place
    info: Mapping[str, Any]
    consumers: Sequence[Mapping[str, Any]]
    pending: Sequence[Mapping[str, Any]]
    next_ms: int | None

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest entry was added that waits or is in hand."""
        first = [_ms(row["message_id"]) for row in self.pending[:1]]
        waiting = [] if self.next_ms is None else [self.next_ms]
        return min([*first, *waiting], default=None)


async def look(redis: Redis, names: Namespace) -> PipelineView:
    """See how long each stage's queue is, how old, and who works on what.

    Args:
        redis: client that returns bytes.
        names: the namespace.

    Raises:
        RedisUnavailable, RedisRefused: Redis is away, or the user may not look.
    """
    there = places(names)
    with told():
        at_ms = await now_ms(redis)
        streams = await ask(redis, [_stream(place) for place in there])
        infos = await ask(redis, [_groups_of(place) for place in there])
        groups = await _groups(redis, there, infos)
        subjects = await _subjects(redis, groups)
    stages = []
    for place, stream in zip(there, streams, strict=True):
        own = [group for group in groups if group.place is place]
        stages.append(_view(place, stream or {}, own, subjects, at_ms))
    return PipelineView(namespace=names.name, at_ms=at_ms, stages=tuple(stages))


async def now_ms(redis: Redis) -> int:
    """Milliseconds since the epoch by Redis's clock, which entry ids are made with."""
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def ask(redis: Redis, commands: Iterable[Ask]) -> list[Any]:
    """Send commands in one round trip; None where the stream or group does not exist."""
    pipe = redis.pipeline(transaction=False)
    for command in commands:
        command(pipe)
    replies = await pipe.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, RedisError) and not str(reply).lower().startswith(_MISSING):
            raise reply
    return [None if isinstance(reply, RedisError) else reply for reply in replies]


def _stream(place: Place) -> Ask:
    return lambda pipe: pipe.xinfo_stream(place.stream)


def _groups_of(place: Place) -> Ask:
    return lambda pipe: pipe.xinfo_groups(place.stream)


async def _groups(redis: Redis, there: Sequence[Place], infos: Sequence[Any]) -> list[_Group]:
    pairs = [(place, row) for place, rows in zip(there, infos, strict=True) for row in rows or ()]
    commands: list[Ask] = []
    for place, row in pairs:
        commands += _questions_of(place.stream, row["name"], row["last-delivered-id"].decode())
    replies = iter(await ask(redis, commands))
    found = []
    for place, row in pairs:
        consumers, pending, following = next(replies), next(replies), next(replies)
        next_ms = _ms(following[0][0]) if following else None
        found.append(_Group(place, row, consumers or (), pending or (), next_ms))
    return found


def _questions_of(stream: str, group: bytes, last_id: str) -> list[Ask]:
    return [
        lambda pipe: pipe.xinfo_consumers(stream, group),
        lambda pipe: pipe.xpending_range(stream, group, "-", "+", MOST_IN_HAND),
        lambda pipe: pipe.xrange(stream, min=f"({last_id}", count=1),
    ]


async def _subjects(redis: Redis, groups: Sequence[_Group]) -> dict[tuple[str, bytes], str | None]:
    """Whom the entries in hand are about; those that were finished meanwhile are left out."""
    wanted = {(g.place.stream, row["message_id"]): g.place for g in groups for row in g.pending}
    replies = await ask(redis, [_entry(*key) for key in wanted])
    return {
        (stream, entry_id): place.about(Entry(stream, entry_id.decode(), reply[0][1]))
        for ((stream, entry_id), place), reply in zip(wanted.items(), replies, strict=True)
        if reply
    }


def _entry(stream: str, entry_id: bytes) -> Ask:
    return lambda pipe: pipe.xrange(stream, entry_id, entry_id)


def _view(
    place: Place,
    stream: Mapping[str, Any],
    groups: Sequence[_Group],
    subjects: Mapping[tuple[str, bytes], str | None],
    at_ms: int,
) -> StageView:
    consumers = [view for group in groups for view in _consumers(group, subjects, at_ms)]
    oldest_ms = _oldest_ms(place, stream, groups)
    reads = [group.info["entries-read"] for group in groups]
    return StageView(
        name=place.name,
        stream=place.stream,
        length=stream.get("length", 0),
        lag=_lag(place, stream, groups),
        pending=sum(group.info["pending"] for group in groups),
        oldest_s=None if oldest_ms is None else _seconds(at_ms - oldest_ms),
        added=stream.get("entries-added", 0),
        read=min(reads) if reads and None not in reads else None,
        consumers=tuple(sorted(consumers, key=lambda view: -view.pending)),
    )


def _oldest_ms(place: Place, stream: Mapping[str, Any], groups: Sequence[_Group]) -> int | None:
    """When the oldest entry was added that somebody still has to see to."""
    if groups or place.kind == "answer":  # answers that nobody subscribed to wait for nobody
        found = [group.oldest_ms for group in groups]
        return min((ms for ms in found if ms is not None), default=None)
    first: tuple[bytes, object] | None = stream.get("first-entry")
    return None if first is None else _ms(first[0])


def _lag(place: Place, stream: Mapping[str, Any], groups: Sequence[_Group]) -> int | None:
    """Entries that the slowest group was not given yet."""
    if not groups:
        waits = place.kind in {"document", "query"}  # its workers never ran
        return int(stream.get("length", 0)) if waits else 0
    lags: list[int | None] = [group.info["lag"] for group in groups]
    known = [lag for lag in lags if lag is not None]
    if len(known) == len(lags):
        return max(known)
    if place.kind == "answer":
        return None
    in_hand: int = sum(group.info["pending"] for group in groups)
    # finished entries are deleted, so that all the others wait
    return max(0, int(stream.get("length", 0)) - in_hand)


def _consumers(
    group: _Group, subjects: Mapping[tuple[str, bytes], str | None], at_ms: int
) -> Iterable[ConsumerView]:
    stream = group.place.stream
    for consumer in group.consumers:
        rows = [row for row in group.pending if row["consumer"] == consumer["name"]]
        yield ConsumerView(
            group=text(group.info["name"]),
            name=text(consumer["name"]),
            pending=consumer["pending"],
            idle_s=_seconds(consumer["idle"]),
            in_hand=tuple(
                _work(row, subjects[stream, row["message_id"]], at_ms)
                for row in rows
                if (stream, row["message_id"]) in subjects
            ),
        )


def _work(row: Mapping[str, Any], subject: str | None, at_ms: int) -> Work:
    return Work(
        entry_id=row["message_id"].decode(),
        subject=subject,
        age_s=_seconds(at_ms - _ms(row["message_id"])),
        idle_s=_seconds(row["time_since_delivered"]),
        attempt=row["times_delivered"],
    )


def text(name: bytes) -> str:
    """A group's or consumer's name: any bytes, shown as text."""
    return name.decode("utf-8", "replace")


def _ms(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])


def _seconds(ms: float) -> float:
    return max(0.0, round(ms / 1000, 3))
