"""Traces to an OpenTelemetry collector, by OTLP over gRPC. Imported only where one is named.

Spans are sent in batches by a thread of the library's own: a collector that is slow or away costs
spans, never a message. What is left is sent when the process ends.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.spans import Kind, Value

_KINDS: Final[dict[Kind, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_TIMEOUT_S: Final = 5  # of one batch; a process that ends waits no longer for a collector
_TRACE_CONTEXT: Final = TraceContextTextMapPropagator()


class OtlpSpan:
    """One span of OpenTelemetry."""

    def __init__(self, span: Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    def mark(self, **attributes: Value) -> None:
        """Set attributes."""
        self._span.set_attributes(attributes)

    def note(self, name: str, /, **attributes: Value) -> None:
        """Add an event."""
        self._span.add_event(name, attributes)

    def fail(self, code: str, /) -> None:
        """Set the status, and `error.type` as the conventions name it."""
        self._span.set_status(Status(StatusCode.ERROR, code))
        self._span.set_attribute("error.type", code)

    def end(self) -> None:
        """Hand it over to be sent."""
        self._span.end()


class OtlpTracer:
    """Makes spans of one process.

    Args:
        url: the collector, http://host:port, or https:// for TLS.
        part: which of ours the process is: `embedder`, `client`.
        instance: its name among those of its part.
        sample_ratio: share of the traces begun here that are kept, 0..1; a trace that was begun
            elsewhere is kept if its context says so.
        processor: where spans go instead.
    """

    def __init__(
        self,
        url: str,
        *,
        part: str,
        instance: str,
        sample_ratio: float = 1.0,
        processor: SpanProcessor | None = None,
    ) -> None:
        resource = Resource.create(
            {
                "service.namespace": "ragstream",
                "service.name": part,
                "service.instance.id": instance,
            }
        )
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBasedTraceIdRatio(sample_ratio)
        )
        sender = processor or BatchSpanProcessor(OTLPSpanExporter(url, timeout=_TIMEOUT_S))
        self._provider.add_span_processor(sender)
        self._tracer = self._provider.get_tracer("ragstream")

    def begin(
        self,
        name: str,
        kind: Kind = "internal",
        *,
        parent: str = "",
        begun_ms: float | None = None,
        attributes: Mapping[str, Value] | None = None,
    ) -> OtlpSpan:
        """Begin a span; a parent that is no trace context counts as none."""
        span = self._tracer.start_span(
            name,
            context=_TRACE_CONTEXT.extract({"traceparent": parent}, context=Context()),
            kind=_KINDS[kind],
            attributes=attributes,
            start_time=None if begun_ms is None else round(begun_ms * 1000) * 1000,  # nanoseconds
        )
        return OtlpSpan(span)

    def flush(self) -> None:
        """Send what is left, now."""
        self._provider.force_flush()
