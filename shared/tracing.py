"""One trace for each query and each document, through all stages; without a tracer nothing happens.

A message carries its trace context along (`traceparent`, as W3C Trace Context writes it). A stage
opens a span under it, hands its own context to whatever comes next, and shows below its span how
long the entry waited (`queue`), each try (`work`) and each request to Triton. A query looks so:

    ask                          the client, until the Answer is there
      publish queries
        embedder queries         from publication until the commit, as all stages
          queue
          work
            triton embedder
          retriever retrieve
            queue
            work
            generator generate   …

No library of tracing is imported here: shared/otlp.py does that, and only where a collector is
named. No span holds a question, a passage or an answer.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from shared.errors import Permanent, RagstreamError, SettingsError, Unwanted
from shared.settings import CommonSettings
from shared.spans import NO_SPAN, Kind, Span, Tracer, Value, carried, carrying, trace_id_of
from shared.streams import Entry, peek_traceparent

M = TypeVar("M")
_OUTCOMES = {0: "finished by another", 1: "committed", 2: "duplicate"}  # of Delivery.commit


def opened(part: str, settings: CommonSettings) -> Tracer | None:
    """The process's tracer; None unless a collector is named.

    Raises:
        SettingsError: one is, and the packages for that are not installed.
    """
    if not settings.otlp_url:
        return None
    try:
        from shared.otlp import OtlpTracer  # noqa: PLC0415 - slow, and of no use without a URL
    except ModuleNotFoundError as exc:
        raise SettingsError(
            "RAGSTREAM_OTLP_URL wants packages that are missing: pip install 'ragstream[traces]'"
        ) from exc
    return OtlpTracer(
        settings.otlp_url,
        part=part,
        instance=settings.consumer,
        sample_ratio=settings.trace_sample_ratio,
    )


class _Passage:
    """One entry's way through one stage.

    Args:
        tracer: makes its spans.
        group: the stage's consumer group.
        entry: taken in hand just now.
    """

    def __init__(self, tracer: Tracer, group: str, entry: Entry) -> None:
        self._tracer = tracer
        self._group = group
        self.entry = entry
        self.span: Span = NO_SPAN  # until the message is read nobody knows its trace
        self.inner: Span = NO_SPAN  # what requests are made under

    def begin(self, parent: str) -> None:
        """Show the entry under its parent, from publication on; its time in the queue ends now."""
        if self.span is not NO_SPAN:  # a commit met a conflict, and the entry is handled anew
            return
        entry = self.entry
        begun_ms = min(entry.published_ms, time.time() * 1000)  # Redis's clock may be ahead
        self.span = self.inner = self._tracer.begin(
            f"{self._group} {entry.stream.partition(':')[2]}",
            "consumer",
            parent=parent,
            begun_ms=begun_ms,
            attributes={
                "messaging.system": "redis",
                "messaging.operation.type": "process",
                "messaging.destination.name": entry.stream,
                "messaging.consumer.group.name": self._group,
                "messaging.message.id": entry.id,
                "ragstream.deliveries": entry.deliveries,
            },
        )
        self._tracer.begin("queue", parent=self.span.traceparent, begun_ms=begun_ms).end()

    def under(self, name: str, kind: Kind = "internal", **attributes: Value) -> Span:
        """Begin a span within what is under way."""
        return self._tracer.begin(
            name, kind, parent=self.inner.traceparent, attributes=_ours(attributes)
        )


_passage: ContextVar[_Passage | None] = ContextVar("passage", default=None)


@contextmanager
def followed(tracer: Tracer | None, group: str, entry: Entry) -> Iterator[None]:
    """Follow an entry through a stage; one that is cut short stays pending, and says so."""
    passage = _Passage(tracer, group, entry) if tracer else None
    token = _passage.set(passage)
    try:
        yield
    except BaseException:
        mark(outcome="left pending")
        raise
    finally:
        if passage:
            passage.span.end()
        _passage.reset(token)
        _name_trace(None)


def joined(message: M) -> M:
    """Begin the stage's span under the context that a message carries; log lines name the trace.

    Returns:
        The message with the context of that span, which it hands on to the next stage; as it
        was where there is no tracer.
    """
    context, passage = carried(message), _passage.get()
    if passage:
        passage.begin(context)
        context = passage.span.traceparent
        message = carrying(message, context)
    _name_trace(trace_id_of(context))
    return message


@contextmanager
def working(attempt: int) -> Iterator[None]:
    """Show one try of an entry."""
    passage = _passage.get()
    if passage is None:
        yield
        return
    passage.inner = passage.under("work", attempt=attempt)
    try:
        with _told(passage.inner):
            yield
    finally:
        passage.inner = passage.span


@contextmanager
def calling(name: str, **attributes: Value) -> Iterator[Span]:
    """Show a request to another server."""
    passage = _passage.get()
    if passage is None:
        yield NO_SPAN
        return
    with _told(passage.under(name, "client", **attributes)) as span:
        yield span


def failed(error: RagstreamError) -> None:
    """Say that an entry ends in an error: dead-lettered, or wanted by nobody any more."""
    passage = _passage.get()
    if passage is None:
        return
    if passage.span is NO_SPAN:  # no message could be read; its context perhaps can
        passage.begin(peek_traceparent(passage.entry))
        _name_trace(trace_id_of(passage.span.traceparent))
    if isinstance(error, Permanent):
        passage.span.fail(error.code)
    else:
        mark(ended=error.code)


def committed(result: int) -> None:
    """Say what came of a commit."""
    mark(outcome=_OUTCOMES[result])


def mark(**attributes: Value) -> None:
    """Say something about the entry in hand."""
    if passage := _passage.get():
        passage.span.mark(**_ours(attributes))


def note(name: str, **attributes: Value) -> None:
    """Say that something happened to the entry in hand just now."""
    if passage := _passage.get():
        passage.inner.note(name, **attributes)


@contextmanager
def under(tracer: Tracer | None, name: str, kind: Kind, parent: str) -> Iterator[str]:
    """Show something outside of all stages.

    Args:
        tracer: None shows nothing.
        name: one of few.
        kind: its role between processes.
        parent: trace context that it belongs under; the caller's own if "".

    Yields:
        Trace context for what happens under it.
    """
    parent = parent or _ambient()
    if tracer is None:
        yield parent
        return
    with _told(tracer.begin(name, kind, parent=parent)) as span:
        yield span.traceparent


@contextmanager
def _told(span: Span) -> Iterator[Span]:
    """End a span with its block; an error tells why.

    To be cut short is none, and neither is it that nobody waits any more.
    """
    try:
        yield span
    except Unwanted:
        raise
    except Exception as exc:
        span.fail(exc.code if isinstance(exc, RagstreamError) else type(exc).__name__)
        raise
    finally:
        span.end()


def _ambient() -> str:
    """Context of the span that our caller is in, where it uses OpenTelemetry itself."""
    if (api := sys.modules.get("opentelemetry.trace")) is None:
        return ""
    context = api.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _ours(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {f"ragstream.{name}": value for name, value in attributes.items()}


def _name_trace(trace_id: str | None) -> None:
    """Put a trace's id into each line of the log from now on, or into none."""
    from structlog import contextvars  # noqa: PLC0415 - slow, and only workers come here

    if trace_id:
        contextvars.bind_contextvars(trace_id=trace_id)
    else:
        contextvars.unbind_contextvars("trace_id")
