"""Every metric of a worker, defined once: `ragstream_<part>_<noun>_<unit>`, for Prometheus.

Labels hold our own words alone: keys of streams, codes of errors, states. What others wrote is
in none, so that nobody can fill Prometheus's memory with names.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    make_asgi_app,
)

from shared.messages import Status

Kind = Literal["counter", "gauge", "histogram"]
_KINDS: Final = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
PARTS: Final = ("ingestor", "embedder", "retriever", "generator")
_QUESTIONS: Final = ("embedder", "retriever", "generator")
_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
)
disable_created_metrics()  # a second series for each, and nobody asks for it


@dataclass(frozen=True, slots=True)
class Metric:
    """What is counted or measured.

    Attributes:
        name: what follows `ragstream_<part>_`; a counter's ends in `_total`.
        kind: as Prometheus calls it.
        text: what it says, in one sentence.
        labels: names of its labels.
        parts: workers that have it.
        buckets: a histogram's upper bounds.
    """

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    parts: tuple[str, ...] = PARTS
    buckets: tuple[float, ...] = ()


HANDLED = Metric(
    "handled_entries_total",
    "counter",
    "Entries brought to their end, by outcome: done, failed, unwanted (expired or cancelled), "
    "duplicate (of a query id that was taken in before), lost (another worker was faster).",
    ("stream", "outcome"),
)
FAILED = Metric(
    "failed_entries_total", "counter", "Entries failed or unwanted, by code.", ("stream", "code")
)
DEAD = Metric("dead_letters_total", "counter", "Entries put on `dead`.", ("stream",))
RETRIED = Metric(
    "retried_attempts_total",
    "counter",
    "Attempts that failed in passing and were followed by another in the same worker.",
    ("stream",),
)
PAUSES = Metric(
    "server_pauses_total",
    "counter",
    "Waits for a server that was away or full, by code; they count as nobody's attempt.",
    ("code",),
)
PAUSED = Metric(
    "paused_workers", "gauge", "1 while the worker waits for a server that is away, else 0."
)
IN_FLIGHT = Metric("in_flight_entries", "gauge", "Entries that are worked on now.", ("stream",))
CAPACITY = Metric(
    "capacity_entries", "gauge", "Entries that may be worked on at once.", ("stream",)
)
QUEUE = Metric(
    "queue_seconds",
    "histogram",
    "From an entry's publication until work on it began; exemplars name traces.",
    ("stream",),
    buckets=_SECONDS,
)
WORK = Metric(
    "work_seconds",
    "histogram",
    "From the beginning of work until the entry was committed, waits between attempts "
    "included; exemplars name traces.",
    ("stream",),
    buckets=_SECONDS,
)
LAG = Metric(
    "lag_entries",
    "gauge",
    "Entries of the stream that nobody has in hand; the same from every worker of the part.",
    ("stream",),
)
PENDING = Metric("pending_entries", "gauge", "Entries in any worker's hand.", ("stream",))
OLDEST = Metric(
    "oldest_seconds",
    "gauge",
    "Age of the oldest entry that waits or is in hand; 0 if there is none.",
    ("stream",),
)
ANSWERS = Metric(
    "query_answers_total", "counter", "Answers published, by status.", ("status",), _QUESTIONS
)
QUOTED = Metric(
    "quoted_answers_total",
    "counter",
    "Answers that quote the passages, since the model's own words had no support in them.",
    parts=("generator",),
)
SUPPORT = Metric(
    "support_ratio",
    "histogram",
    "Support of the answers whose status is `answered`, 0 to 1.",
    parts=("generator",),
    buckets=tuple(tenth / 10 for tenth in range(1, 11)),
)
PROMPT_TOKENS = Metric(
    "prompt_tokens_total", "counter", "Tokens of the answers' prompts.", parts=("generator",)
)
COMPLETION_TOKENS = Metric(
    "completion_tokens_total",
    "counter",
    "Tokens that the model wrote for the answers.",
    parts=("generator",),
)
BATCH_TEXTS = Metric(
    "batch_texts",
    "histogram",
    "Chunks in one request to the model.",
    parts=("embedder",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
BATCH_TOKENS = Metric(
    "batch_tokens",
    "histogram",
    "Tokens of the chunks in one request to the model.",
    parts=("embedder",),
    buckets=(128, 256, 512, 1024, 2048, 4096, 8192, 16384),
)
ALL: Final = (
    *(HANDLED, FAILED, DEAD, RETRIED, PAUSES, PAUSED, IN_FLIGHT, CAPACITY, QUEUE, WORK),
    *(LAG, PENDING, OLDEST, ANSWERS, QUOTED, SUPPORT, PROMPT_TOKENS, COMPLETION_TOKENS),
    *(BATCH_TEXTS, BATCH_TOKENS),
)
OUTCOMES: Final = ("done", "failed", "unwanted", "duplicate", "lost")
# What values of labels are known before anything happens. Where a counter appears with its first
# event, `rate` and `increase` do not see that one. Codes of errors are many: FAILED is left out.
_KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "outcome": OUTCOMES,
    "status": get_args(Status),
    "code": ("redis_unavailable", "triton_unavailable", "overloaded"),
}
_SET_BY_A_LOOK: Final = (LAG, PENDING, OLDEST)


class Metrics:
    """One worker's metrics; each appears once it is announced or used.

    Args:
        part: the worker's name, a part of every metric's.
    """

    def __init__(self, part: str) -> None:
        self.part = part
        self.registry = CollectorRegistry()
        self._made: dict[str, Any] = {}
        ProcessCollector(registry=self.registry)

    def announce(self, streams: Sequence[str]) -> None:
        """Show all metrics of this part at 0, by the streams that it reads."""
        for metric in ALL:
            if self.part in metric.parts and metric not in (FAILED, *_SET_BY_A_LOOK):
                for labels in _combined(metric.labels, {**_KNOWN, "stream": tuple(streams)}):
                    self._child(metric, labels)

    def add(self, metric: Metric, amount: float = 1, *, trace_id: str = "", **labels: str) -> None:
        """Add to a counter or gauge; `trace_id`, if any, becomes a counter's exemplar."""
        child = self._child(metric, labels)
        if trace_id:
            child.inc(amount, {"trace_id": trace_id})
        else:
            child.inc(amount)

    def observe(self, metric: Metric, value: float, *, trace_id: str = "", **labels: str) -> None:
        """Put a value into a histogram; `trace_id`, if any, becomes its exemplar."""
        self._child(metric, labels).observe(value, {"trace_id": trace_id} if trace_id else None)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._child(metric, labels).set(value)

    def forget(self, metric: Metric) -> None:
        """Show no value of a labelled metric until it is set anew."""
        if metric.name in self._made:
            self._made[metric.name].clear()

    def _child(self, metric: Metric, labels: dict[str, str]) -> Any:
        made = self._made.get(metric.name)
        if made is None:
            made = self._made[metric.name] = self._make(metric)
        return made.labels(**labels) if labels else made

    def _make(self, metric: Metric) -> Any:
        more = {"buckets": metric.buckets} if metric.buckets else {}
        name = f"ragstream_{self.part}_{metric.name}"
        make: Any = _KINDS[metric.kind]
        return make(name, metric.text, metric.labels, registry=self.registry, **more)


def _combined(labels: Sequence[str], known: dict[str, tuple[str, ...]]) -> list[dict[str, str]]:
    """Every combination of known values."""
    found: list[dict[str, str]] = [{}]
    for label in labels:
        found = [{**one, label: value} for one in found for value in known[label]]
    return found


def page(metrics: Metrics, look: Callable[[], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """/metrics as an ASGI app, in OpenMetrics' text where it is asked for, as exemplars need it.

    Args:
        metrics: what to show.
        look: awaited before each answer, to set what is only known by looking.
    """
    serve = make_asgi_app(metrics.registry)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await look()
        await serve(scope, receive, send)

    return answer
