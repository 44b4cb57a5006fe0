"""What tracing costs each entry of a stage: `python -m benchmarks.tracing`.

One entry passes all hooks of shared/tracing.py as a stage calls them, with one request to Triton,
and without anything between them. Sending is not counted: a thread of its own does that.
"""

import time

import click
from opentelemetry.sdk.trace import SpanProcessor

from shared import tracing
from shared.messages import Query
from shared.otlp import OtlpTracer
from shared.spans import Tracer
from shared.streams import Entry

ROUNDS = 20_000
CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def passage(tracer: Tracer | None, entry: Entry, query: Query) -> None:
    """All that a stage does for one entry's trace."""
    with tracing.followed(tracer, "embedder", entry):
        tracing.joined(query)
        with tracing.working(1), tracing.calling("triton embedder", texts=1):
            pass
        tracing.committed(1)


def microseconds(tracer: Tracer | None, traceparent: str) -> float:
    """Of the processor, for one entry, in the fastest of five rounds."""
    entry, query = Entry("rag:queries", "1-0"), Query(question="?", traceparent=traceparent)
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        for _ in range(ROUNDS // 5):
            passage(tracer, entry, query)
        best = min(best, (time.process_time() - begun) / (ROUNDS // 5))
    return best * 1e6


def tracer(sample_ratio: float) -> OtlpTracer:
    """One that sends nothing."""
    return OtlpTracer(
        "", part="bench", instance="a", sample_ratio=sample_ratio, processor=SpanProcessor()
    )


def main() -> None:
    """Print one line for each case."""
    cases = (
        ("off, no trace context", None, ""),
        ("off, with one", None, CONTEXT),
        ("on, not sampled", tracer(0), ""),
        ("on, sampled", tracer(1), ""),
    )
    for name, one, traceparent in cases:
        click.echo(f"{name:24}{microseconds(one, traceparent):8.1f} µs an entry")


if __name__ == "__main__":
    main()
