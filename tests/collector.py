"""An OpenTelemetry collector in the test's own process: it takes OTLP over gRPC and keeps spans."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

LONGEST_S = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One span that arrived; times in milliseconds since the epoch, ids in hex."""

    part: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    begun_ms: float
    ended_ms: float
    attributes: dict[str, Any]
    events: tuple[str, ...]
    error: str

    @property
    def took_ms(self) -> float:
        return self.ended_ms - self.begun_ms


class Collector(TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.url = ""

    def Export(  # noqa: N802 - as the protocol calls it
        self, request: ExportTraceServiceRequest, _context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        for of_part in request.resource_spans:
            part = _values(of_part.resource.attributes)["service.name"]
            self.spans += [
                _seen(part, span) for scope in of_part.scope_spans for span in scope.spans
            ]
        return ExportTraceServiceResponse()

    def trace(self, trace_id: str) -> list[Seen]:
        """What arrived of a trace, in order of beginning."""
        found = [span for span in self.spans if span.trace_id == trace_id]
        return sorted(found, key=lambda span: span.begun_ms)

    def wait(self, trace_id: str, *names: str) -> list[Seen]:
        """The trace, once spans of all these names have arrived."""
        deadline = time.monotonic() + LONGEST_S
        while missing := set(names) - {span.name for span in self.trace(trace_id)}:
            assert time.monotonic() < deadline, f"no {missing} among {self.trace(trace_id)}"
            time.sleep(0.05)
        return self.trace(trace_id)


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Collect until the block ends."""
    server, collector = grpc.server(ThreadPoolExecutor(2)), Collector()
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call] # generated code
    collector.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def tree(spans: Sequence[Seen], parent_id: str = "", depth: int = 0) -> list[str]:
    """A trace as indented lines `name`, children below their parents in order of beginning."""
    lines = []
    for span in spans:
        if span.parent_id == parent_id:
            lines.append(f"{'  ' * depth}{span.name}")
            lines += tree(spans, span.span_id, depth + 1)
    return lines


def _seen(part: str, span: Any) -> Seen:
    return Seen(
        part=part,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        begun_ms=span.start_time_unix_nano / 1e6,
        ended_ms=span.end_time_unix_nano / 1e6,
        attributes=_values(span.attributes),
        events=tuple(event.name for event in span.events),
        error=span.status.message,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in attributes}
