"""The streams of the pipeline, whom each entry is about, and what a look at them shows. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec.structs import replace

from shared.errors import Undecodable
from shared.messages import (
    DeadLetter,
    decode_answer,
    decode_dead_letter,
    decode_embed,
    decode_generate,
    decode_index,
    decode_retrieve,
)
from shared.streams import Entry, Namespace, decoded, peek_id

Kind = Literal["document", "query", "answer", "dead"]


@dataclass(frozen=True, slots=True)
class Place:
    """One stream of the pipeline.

    Attributes:
        name: as people call it, without the namespace: `queries`, `queries:bulk`.
        stream: its key.
        kind: what its entries are about.
        is_entrance: upstream systems write it; what they wrote may be anything.
        subject: id of the query or document that an entry is about; raises Undecodable.
    """

    name: str
    stream: str
    kind: Kind
    is_entrance: bool
    subject: Callable[[Entry], str | None]

    def about(self, entry: Entry) -> str | None:
        """Id of the query or document that an entry is about, None where it cannot be read."""
        try:
            return self.subject(entry)
        except Undecodable:
            return None


def places(names: Namespace) -> tuple[Place, ...]:
    """Every stream that messages wait in, in the order of the flow; a query never goes back."""
    rows: tuple[tuple[str, str, Kind, bool, Callable[[Entry], str | None]], ...] = (
        ("documents", names.documents, "document", True, peek_id),
        ("embed", names.embed, "document", False, _embed),
        ("index", names.index, "document", False, _index),
        ("queries", names.queries, "query", True, peek_id),
        ("queries:bulk", names.lane(names.queries, "bulk"), "query", True, peek_id),
        ("retrieve", names.retrieve, "query", False, _retrieve),
        ("retrieve:bulk", names.lane(names.retrieve, "bulk"), "query", False, _retrieve),
        ("generate", names.generate, "query", False, _generate),
        ("generate:bulk", names.lane(names.generate, "bulk"), "query", False, _generate),
        ("answers", names.answers, "answer", False, _answer),
        ("dead", names.dead, "dead", False, lambda entry: _of_letter(names, entry)),
    )
    return tuple(Place(*row) for row in rows)


def place_of(names: Namespace, stream: str) -> Place | None:
    """The place with this key, None for a stranger's."""
    return next((place for place in places(names) if place.stream == stream), None)


def original(letter: DeadLetter) -> Entry:
    """The entry as it was before it was buried."""
    fields = {name.encode(): value for name, value in letter.fields.items()}
    return Entry(letter.stream, letter.entry_id, fields, letter.attempts)


def _embed(entry: Entry) -> str:
    return decoded(decode_embed)(entry).document_id


def _index(entry: Entry) -> str:
    return decoded(decode_index)(entry).document_id


def _retrieve(entry: Entry) -> str:
    return decoded(decode_retrieve)(entry).query.id


def _generate(entry: Entry) -> str:
    return decoded(decode_generate)(entry).query.id


def _answer(entry: Entry) -> str:
    return decoded(decode_answer)(entry).query_id


def _of_letter(names: Namespace, entry: Entry) -> str | None:
    letter = decoded(decode_dead_letter)(entry)
    place = place_of(names, letter.stream)
    return place.about(original(letter)) if place and place.kind != "dead" else None


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in a consumer's hand.

    Attributes:
        entry_id: id in the stage's stream.
        subject: the query's or document's id, None where it cannot be read.
        age_s: seconds since it came to this stage.
        idle_s: seconds since the consumer took it, or last said that it still works on it.
        attempt: how often it was handed to a consumer, from 1. Tries within one worker are
            counted there alone.
    """

    entry_id: str
    subject: str | None
    age_s: float
    idle_s: float
    attempt: int


class ConsumerView(msgspec.Struct, frozen=True, kw_only=True):
    """One consumer of one group; `idle_s` is the time since it last asked for work."""

    group: str
    name: str
    pending: int
    idle_s: float
    in_hand: tuple[Work, ...] = ()


class StageView(msgspec.Struct, frozen=True, kw_only=True):
    """One stream.

    Attributes:
        name: as in Place.
        stream: its key.
        length: entries in it.
        lag: entries not yet given to a consumer, of the slowest group; None where Redis lost count.
        pending: entries in consumers' hands.
        oldest_s: age of the oldest entry that waits or is in hand, seconds; None if there is none.
        added: entries ever added.
        read: entries ever given to the slowest group; None without a group.
        added_per_s: between two looks; None after one.
        read_per_s: between two looks; None after one.
        consumers: who reads, and who was there lately; most pending first.
    """

    name: str
    stream: str
    length: int = 0
    lag: int | None = 0
    pending: int = 0
    oldest_s: float | None = None
    added: int = 0
    read: int | None = None
    added_per_s: float | None = None
    read_per_s: float | None = None
    consumers: tuple[ConsumerView, ...] = ()


class PipelineView(msgspec.Struct, frozen=True, kw_only=True):
    """All streams of a namespace; `at_ms` is Redis's clock, milliseconds since the epoch."""

    namespace: str
    at_ms: int
    stages: tuple[StageView, ...]


def with_rates(before: PipelineView, after: PipelineView) -> PipelineView:
    """The later look, with what went in and out per second since the earlier one."""
    seconds = (after.at_ms - before.at_ms) / 1000
    earlier = {stage.name: stage for stage in before.stages}
    rated = tuple(
        replace(
            stage,
            added_per_s=_rate(earlier[stage.name].added, stage.added, seconds),
            read_per_s=_rate(earlier[stage.name].read, stage.read, seconds),
        )
        for stage in after.stages
    )
    return replace(after, stages=rated)


def _rate(before: int | None, after: int | None, seconds: float) -> float | None:
    """None where a counter is unknown or was set back, as by a stream made anew."""
    if before is None or after is None or after < before or seconds <= 0:
        return None
    return round((after - before) / seconds, 2)
