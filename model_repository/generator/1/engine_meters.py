"""What the engine does, as metrics on Triton's own metrics page."""

from typing import Any

import triton_python_backend_utils as pb_utils
from held_metrics import HeldMetrics


class EngineMeters:
    """Triton metrics, each with the model's name as label.

    Tokens by seconds, as `rate(…_prefill_tokens_total) / rate(…_prefill_seconds_total)`, are the
    speeds of prefill and decode; likewise for the mean time to first token. The page may lag behind
    by half a second while requests run.

    Args:
        model: the model's name.
    """

    def __init__(self, model: str) -> None:
        self._labels = {"model": model}
        self._families: list[Any] = []  # Triton drops a metric whose family is gone
        self._held = HeldMetrics()
        self._running = self._gauge("running_requests", "Requests that generate")
        self._waiting = self._gauge("waiting_requests", "Requests that wait for a row")
        self._cached = self._gauge("cache_tokens", "Tokens that running requests hold")
        self._prefixes = self._gauge("prefix_cache_tokens", "Tokens of kept beginnings")
        self._refused = self._counter(
            "refused_requests_total", "Requests that found no place to wait"
        )
        self._found = self._counter("prefix_hit_tokens_total", "Prompt tokens found, not computed")
        self._prefill = self._pair("prefill_tokens_total", "prefill_seconds_total", "prompts")
        self._decode = self._pair("decode_tokens_total", "decode_seconds_total", "answers")
        self._first = self._pair("first_tokens_total", "first_token_seconds_total", "first tokens")

    def prefilled(self, tokens: int, seconds: float) -> None:
        """A chunk of a prompt was computed."""
        self._add(self._prefill, tokens, seconds)

    def decoded(self, tokens: int, seconds: float) -> None:
        """A token for each of so many answers was computed."""
        self._add(self._decode, tokens, seconds)

    def found_prefix(self, tokens: int) -> None:
        """A prompt began with so many tokens that were known already."""
        self._held.add(self._found, tokens)

    def first_token(self, seconds: float) -> None:
        """An answer's first token came so long after its request."""
        self._add(self._first, 1, seconds)

    def refused(self, requests: int) -> None:
        """So many requests were turned away, since too many waited."""
        self._held.add(self._refused, requests)

    def state(self, running: int, waiting: int, cached: int, prefixes: int) -> None:
        """Requests that run and wait; tokens of running sequences and of kept prefixes."""
        gauges = (self._running, self._waiting, self._cached, self._prefixes)
        for gauge, value in zip(gauges, (running, waiting, cached, prefixes), strict=True):
            self._held.set(gauge, value)
        self._held.tell(now=not running)

    def _add(self, pair: tuple[Any, Any], count: int, seconds: float) -> None:
        self._held.add(pair[0], count)
        self._held.add(pair[1], seconds)

    def _pair(self, tokens: str, seconds: str, what: str) -> tuple[Any, Any]:
        counted = self._counter(tokens, f"Tokens of {what}")
        return counted, self._counter(seconds, f"Seconds spent on tokens of {what}")

    def _counter(self, name: str, description: str) -> Any:
        return self._metric(name, description, pb_utils.MetricFamily.COUNTER)

    def _gauge(self, name: str, description: str) -> Any:
        return self._metric(name, description, pb_utils.MetricFamily.GAUGE)

    def _metric(self, name: str, description: str, kind: Any) -> Any:
        family = pb_utils.MetricFamily(
            name=f"ragstream_generator_{name}", description=description, kind=kind
        )
        self._families.append(family)
        return family.Metric(labels=self._labels)
