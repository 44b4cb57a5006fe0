"""Every metric as one Markdown table, from the code: `python -m services.cli.metrics_table`."""

import click

from shared.metrics import ALL, PARTS, Metric

_HEAD = """# Metrics

What each worker shows on `/metrics`, on the port of its probes (`RAGSTREAM_HEALTH_PORT`), in
Prometheus's text or OpenMetrics'. A name is `ragstream_<part>_` and what stands below, as
`ragstream_embedder_lag_entries`. `stream` is a stream's key, as in the log: `rag:queries`. Times
and failures carry, as OpenMetrics exemplar, the trace id of a message whose `traceparent` says
that it was recorded. Beside these there is `process_…`, of the worker's own process; Triton has a
page of its own ([generator.md](generator.md#metrics)). [operations.md](operations.md) says what to
do with all of them.

Written by `python -m services.cli.metrics_table > docs/metrics.md`; a test keeps the two alike.

| name | type | labels | parts | meaning |
|---|---|---|---|---|"""


def render() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *map(_row, ALL)])


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    parts = "all" if metric.parts == PARTS else ", ".join(metric.parts)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {parts} | {metric.text} |"


if __name__ == "__main__":
    click.echo(render())
