"""What publishers know, and what a question is called there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec

from shared.streams import Namespace

NAMES: Final = Namespace("rag")
NO_TEXT: Final = b"\xff"  # what bytes that are no message begin with


class _Identified(msgspec.Struct):
    """As much of a query as tells which one it is."""

    id: str = ""


@dataclass(slots=True)
class Ledger:
    """What publishers know.

    Attributes:
        asked: keys of good questions of which an entry may exist.
        accepted: keys of which one exists for certain.
        empty: ids of questions without a text: each must fail, and lie on `dead`.
        garbage: bytes that are no message: each must lie on `dead`.
    """

    asked: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    garbage: set[str] = field(default_factory=set)
    _asking: set[asyncio.Event] = field(default_factory=set)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While the block runs, Redis may have accepted what is not yet written down here."""
        self._asking.add(done := asyncio.Event())
        try:
            yield
        finally:
            self._asking.discard(done)
            done.set()

    async def heard(self) -> None:
        """Wait until all that was accepted by now is written down."""
        for done in tuple(self._asking):
            await done.wait()


def key_of(data: bytes) -> str:
    """The ledger's key of what was published; "" for an inner message, which is never poison."""
    if data.startswith(NO_TEXT):
        return data[len(NO_TEXT) :].decode()
    try:
        return msgspec.json.decode(data, type=_Identified).id
    except msgspec.DecodeError:
        return ""
