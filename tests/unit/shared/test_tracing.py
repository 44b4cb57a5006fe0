"""Whatever a message carries as trace context, it is handled; and its trace is as it should be."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import tracing
from shared.errors import Undecodable
from shared.messages import Document, Embed, Query, Retrieve
from shared.otlp import OtlpTracer
from shared.spans import trace_id_of
from shared.streams import Entry

THEIRS = "0af7651916cd43dd8448eb211c80319c"
CONTEXT = f"00-{THEIRS}-b7ad6b7169203331-01"
BROKEN = [
    "",
    "x",
    CONTEXT[:-1],
    CONTEXT.upper(),
    f"ff{CONTEXT[2:]}",
    f"00-{'0' * 32}-b7ad6b7169203331-01",
    f"00-{THEIRS}-{'0' * 16}-01",
    "\0" * 1_000_000,
    "00-é",
]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    yield exporter
    exporter.clear()


def tracer(spans: InMemorySpanExporter, sample_ratio: float = 1.0) -> OtlpTracer:
    return OtlpTracer(
        "",
        part="embedder",
        instance="a",
        sample_ratio=sample_ratio,
        processor=SimpleSpanProcessor(spans),
    )


def entry(data: bytes = b"") -> Entry:
    return Entry("rag:queries", "1700000000000-0", {b"__data__": data})


@pytest.mark.parametrize("context", BROKEN)
def test_a_broken_context_begins_a_new_trace(spans: InMemorySpanExporter, context: str) -> None:
    """A publisher's mistake in a courtesy field would cost it its answer."""
    with tracing.followed(tracer(spans), "embedder", entry()):
        joined = tracing.joined(Query(question="?", traceparent=context))
    assert trace_id_of(joined.traceparent) not in (None, THEIRS)
    assert all(span.parent is None for span in spans.get_finished_spans() if span.name != "queue")


@pytest.mark.parametrize(
    "message",
    [
        Query(question="?", traceparent=CONTEXT),
        Document(id="d", text="T.", traceparent=CONTEXT),
        Embed(
            document_id="d",
            collection="c",
            name="",
            title="",
            sha256="",
            chunks=(),
            traceparent=CONTEXT,
        ),
        Retrieve(query=Query(question="?", traceparent=CONTEXT), embedding=b"", accepted_ms=1),
    ],
)
def test_every_message_hands_its_stages_context_on(
    spans: InMemorySpanExporter, message: Query | Document | Embed | Retrieve
) -> None:
    """A trace would end in the middle of the way, or stages hang beside each other."""
    with tracing.followed(tracer(spans), "stage", entry()):
        joined = tracing.joined(message)
    handed_on = joined.query if isinstance(joined, Retrieve) else joined
    stage = spans.get_finished_spans()[-1]
    assert handed_on.traceparent == f"00-{THEIRS}-{stage.context.span_id:016x}-01"
    assert stage.parent is not None
    assert f"{stage.parent.span_id:016x}" in CONTEXT


def test_without_a_tracer_a_message_stays_as_it_is() -> None:
    """Tracing that is off would change what other parts read, or cut off the publisher's trace."""
    query = Query(question="?", traceparent=CONTEXT)
    with tracing.followed(None, "embedder", entry()), tracing.working(1):
        assert tracing.joined(query) is query
        with tracing.calling("triton embedder") as span:
            assert span.traceparent == ""
        tracing.note("paused")
        tracing.failed(Undecodable("no"))
        tracing.committed(1)


def test_a_publisher_decides_whether_its_trace_is_kept(spans: InMemorySpanExporter) -> None:
    """Half of a trace would be kept, or all of those that nobody wants."""
    for context, ratio in ((f"{CONTEXT[:-1]}0", 1.0), (CONTEXT, 0.0), ("", 0.0)):
        with tracing.followed(tracer(spans, ratio), "embedder", entry()):
            joined = tracing.joined(Query(question="?", traceparent=context))
        assert joined.traceparent.endswith("-01") == (context == CONTEXT)
    assert {f"{span.context.trace_id:032x}" for span in spans.get_finished_spans()} == {THEIRS}


def test_an_unreadable_message_fails_in_its_publishers_trace(spans: InMemorySpanExporter) -> None:
    """Just where something goes wrong a trace would end without a word."""
    with tracing.followed(
        tracer(spans), "embedder", entry(b'{"traceparent":"%b"}' % CONTEXT.encode())
    ):
        tracing.failed(Undecodable("no question"))
    [_, stage] = spans.get_finished_spans()
    assert f"{stage.context.trace_id:032x}" == THEIRS
    assert stage.attributes is not None
    assert stage.attributes["error.type"] == "undecodable"


def test_a_callers_own_span_is_the_parent(spans: InMemorySpanExporter) -> None:
    """A system that traces itself would find its questions in traces of their own."""
    theirs = trace.NonRecordingSpan(
        trace.SpanContext(int(THEIRS, 16), 1, is_remote=False, trace_flags=trace.TraceFlags(1))
    )
    with trace.use_span(theirs), tracing.under(None, "ask", "client", "") as parent:
        assert parent == f"00-{THEIRS}-0000000000000001-01"
    with tracing.under(tracer(spans), "ask", "client", CONTEXT) as parent:
        assert trace_id_of(parent) == THEIRS


WORKERS = """
import sys
if sys.argv[1] == "missing":
    sys.modules["opentelemetry"] = None
import services.cli.ask, services.embedder.app, services.generator.app
import services.ingestor.app, services.retriever.app
from shared.errors import SettingsError
from shared.settings import CommonSettings
from shared.tracing import opened

assert opened("embedder", CommonSettings()) is None
assert "shared.otlp" not in sys.modules
assert "opentelemetry.exporter" not in sys.modules
try:
    opened("embedder", CommonSettings(otlp_url="http://127.0.0.1:1"))
except SettingsError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.mark.parametrize(
    ("packages", "said"), [("installed", ""), ("missing", "ragstream[traces]")]
)
def test_without_a_collector_no_library_is_needed(packages: str, said: str) -> None:
    """Who traces nothing would pay for it at each start, or could not start at all."""
    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", WORKERS, packages], capture_output=True, text=True, check=False
    )
    assert said in ended.stderr
    assert ended.returncode == (1 if said else 0), ended.stderr
