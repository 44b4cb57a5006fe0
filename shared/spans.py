"""What a span is to us, and which messages carry its context. Pure.

Spans are those of OpenTelemetry (shared/otlp.py) where a collector is named.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, Protocol, TypeVar

from msgspec.structs import replace

from shared.messages import Document, Embed, Generate, Index, Query, Retrieve

M = TypeVar("M")
Kind = Literal["internal", "client", "producer", "consumer"]
Value = str | int | float | bool
# W3C Trace Context: version, trace id, span id, flags; a later version may add to it.
_VALID: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


class Span(Protocol):
    """Something that took time, while it is under way."""

    @property
    def traceparent(self) -> str:
        """Its trace context, for what happens under it; "" where there is no tracer."""

    def mark(self, **attributes: Value) -> None:
        """Say something about it."""

    def note(self, name: str, /, **attributes: Value) -> None:
        """Say that something happened just now."""

    def fail(self, code: str, /) -> None:
        """Say that it failed, with a code of shared/errors.py."""

    def end(self) -> None:
        """It is over."""


class Tracer(Protocol):
    """Makes spans and sends them away."""

    def begin(
        self,
        name: str,
        kind: Kind = "internal",
        *,
        parent: str = "",
        begun_ms: float | None = None,
        attributes: Mapping[str, Value] | None = None,
    ) -> Span:
        """Begin a span.

        Args:
            name: one of few.
            kind: its role between processes.
            parent: trace context that it belongs under; a new trace where that is none.
            begun_ms: milliseconds since the epoch; now if None.
            attributes: what is known already.
        """


class NoSpan:
    """A span that nobody looks at."""

    traceparent = ""

    def mark(self, **_attributes: Value) -> None:
        """Nothing."""

    def note(self, _name: str, /, **_attributes: Value) -> None:
        """Nothing."""

    def fail(self, _code: str, /) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


NO_SPAN: Final[Span] = NoSpan()


def trace_id_of(traceparent: str) -> str | None:
    """The 32 hex digits of a trace; None where this is no trace context."""
    found = _VALID.fullmatch(traceparent)
    return found[1] if found else None


def carried(message: object) -> str:
    """The trace context of a message; "" where it has none."""
    match message:
        case Query() | Document() | Embed() | Index():
            return message.traceparent
        case Retrieve() | Generate():
            return message.query.traceparent
        case _:
            return ""


def carrying(message: M, traceparent: str) -> M:
    """A message with this trace context; as it was where it has no place for one."""
    match message:
        case Query() | Document() | Embed() | Index():
            return replace(message, traceparent=traceparent)
        case Retrieve() | Generate():
            return replace(message, query=replace(message.query, traceparent=traceparent))
        case _:
            return message
