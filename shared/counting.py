"""What becomes of each entry, counted once: when its commit is known."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shared import metrics as m
from shared.errors import Permanent, RagstreamError
from shared.messages import Answer, StageTiming
from shared.metrics import Metrics
from shared.streams import Effect, Entry

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_SAMPLED = 1  # in the last byte: only such a trace can be looked at
_WITHOUT_EFFECT = {0: "lost", 2: "duplicate"}  # results of Delivery.commit


def trace_id(message: object) -> str:
    """The trace that a message belongs to, 32 hexadecimal digits; "" if none was recorded.

    A publisher writes `traceparent` and may write anything.
    """
    carrier = getattr(message, "query", message)
    found = _TRACEPARENT.fullmatch(getattr(carrier, "traceparent", ""))
    return found[1] if found and int(found[0][-2:], 16) & _SAMPLED else ""


class Counting:
    """Counts what one worker does with its entries.

    Args:
        metrics: where to.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @contextmanager
    def in_flight(self, entry: Entry) -> Iterator[None]:
        """While the block runs, its entry is worked on."""
        self._metrics.add(m.IN_FLIGHT, stream=entry.stream)
        try:
            yield
        finally:
            self._metrics.add(m.IN_FLIGHT, -1, stream=entry.stream)

    def retried(self, entry: Entry) -> None:
        """An attempt failed, and another one follows."""
        self._metrics.add(m.RETRIED, stream=entry.stream)

    def paused(self, error: RagstreamError) -> None:
        """A server is away or full, and the worker waits."""
        self._metrics.add(m.PAUSES, code=error.code)

    def ended(
        self,
        entry: Entry,
        message: object,
        effects: Sequence[Effect],
        error: RagstreamError | None,
        result: int,
        took: StageTiming,
    ) -> None:
        """An entry came to its end.

        Args:
            entry: the entry.
            message: what was read from it; None where that failed.
            effects: what was to be applied.
            error: why it failed, None if it did not.
            result: of Delivery.commit.
            took: its times here.
        """
        trace, stream = trace_id(message), entry.stream
        self._metrics.observe(m.QUEUE, took.queue / 1000, trace_id=trace, stream=stream)
        self._metrics.observe(m.WORK, took.work / 1000, trace_id=trace, stream=stream)
        outcome = _WITHOUT_EFFECT.get(result) or _outcome(error)
        self._metrics.add(m.HANDLED, stream=stream, outcome=outcome)
        if result in _WITHOUT_EFFECT:
            return
        if error is not None:
            self._metrics.add(m.FAILED, trace_id=trace, stream=stream, code=error.code)
        if isinstance(error, Permanent):
            self._metrics.add(m.DEAD, stream=stream)
        for effect in effects:
            if effect.answer is not None:
                self._answered(effect.answer)

    def _answered(self, answer: Answer) -> None:
        self._metrics.add(m.ANSWERS, status=answer.status)
        if answer.status == "answered":
            self._metrics.observe(m.SUPPORT, answer.support)
        if answer.extracted:
            self._metrics.add(m.QUOTED)
        if answer.usage.prompt_tokens:
            self._metrics.add(m.PROMPT_TOKENS, answer.usage.prompt_tokens)
            self._metrics.add(m.COMPLETION_TOKENS, answer.usage.completion_tokens)


def _outcome(error: RagstreamError | None) -> str:
    if error is None:
        return "done"
    return "failed" if isinstance(error, Permanent) else "unwanted"
