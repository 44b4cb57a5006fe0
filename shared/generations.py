"""Generations of the index: which one is searched, which one is being filled, which one goes.

A generation has one schema and the vectors of one model, and a search index and chunks of its own.
The hash `{ns}:generations` names them: `active`, `next` and `old` hold numbers, and under each
number stands what that generation is. Whoever writes chunks expects in the same commit that
`active` and `next` are still what it saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import Redis

from shared.errors import OutdatedIndex
from shared.streams import Effect, Namespace

SCHEMA = 1
"""Of the chunks and their search index; a change of either makes it one more."""
FIRST = 0
"""Its index and keys are named as before there were generations: two releases share them."""
REBUILD = "run `ragstream index rebuild`"


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of the index.

    Attributes:
        number: from FIRST, never used twice.
        schema: as SCHEMA was when it was made.
        model: id of the model whose vectors it holds.
        dim: their length.
    """

    number: int
    schema: int
    model: str
    dim: int


UNKNOWN = Generation(number=FIRST, schema=0, model="", dim=0)


@dataclass(frozen=True, kw_only=True)
class Generations:
    """What there is.

    Attributes:
        active: searched and written; None before the first document.
        next: being filled by a rebuild.
        old: no longer searched, being removed.
        last: highest number ever given.
        listed: every document that there was when `next` began is in it, or waits for it.
    """

    active: Generation | None = None
    next: Generation | None = None
    old: Generation | None = None
    last: int = 0
    listed: bool = False

    def unchanged(self, names: Namespace) -> list[Effect]:
        """Expectations that hold as long as the same generations are written."""
        pairs = (("active", self.active), ("next", self.next))
        return [
            Effect("EXPECT", names.generations, (name, str(one.number) if one else ""))
            for name, one in pairs
        ]


def parse(fields: Mapping[bytes, bytes]) -> Generations:
    """Read the hash."""

    def named(name: bytes) -> Generation | None:
        if (number := fields.get(name)) is None:
            return None
        facts = fields.get(number)
        return msgspec.json.decode(facts, type=Generation) if facts else UNKNOWN

    return Generations(
        active=named(b"active"),
        next=named(b"next"),
        old=named(b"old"),
        last=int(fields.get(b"last", 0)),
        listed=b"next" in fields and fields.get(b"listed") == fields[b"next"],
    )


def facts(generation: Generation) -> tuple[str, bytes]:
    """Field and value that say what a generation is."""
    return str(generation.number), msgspec.json.encode(generation)


def is_active(generation: Generation, number: bytes | None, said: bytes | None) -> bool:
    """Whether it is what is searched now.

    Args:
        generation: which one.
        number: the hash's field `active`.
        said: its field of the generation's number.
    """
    if number is None or said is None or int(number) != generation.number:
        return False
    return msgspec.json.decode(said, type=Generation) == generation


async def read(redis: Redis, names: Namespace) -> Generations:
    """What there is now."""
    fields: dict[Any, Any] = await redis.hgetall(names.generations)
    return parse(fields)


def check_schema(generation: Generation) -> None:
    """See that the index can be searched and written by this code.

    Raises:
        OutdatedIndex: it was made by another version of ragstream.
    """
    if generation.schema < SCHEMA:
        raise OutdatedIndex(
            f"the index has schema {generation.schema}, this ragstream needs {SCHEMA}: {REBUILD}"
        )
    if generation.schema > SCHEMA:
        raise OutdatedIndex(
            f"the index has schema {generation.schema} of a newer ragstream, this one knows "
            f"{SCHEMA}: use the newer one"
        )
