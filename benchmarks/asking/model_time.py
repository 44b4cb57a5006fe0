"""How long the models of a stack computed until now, from Triton's metrics page."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from shared.triton import EMBEDDER, GRADER
from tests.running_stack import Stack

_COMPUTED_US = "nv_inference_compute_infer_duration_us_total"  # as the parser completes it
_GENERATED_S = (
    "ragstream_generator_prefill_seconds_total",
    "ragstream_generator_decode_seconds_total",
)


def read(running: Stack) -> float:
    """Seconds in which its embedder, grader and generator computed.

    Of embedder and grader with the way into their processes, some tenths of a millisecond a call.
    """
    [port] = [part["metrics_port"] for part in running.state()["parts"] if part["name"] == "triton"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        return total(page.read().decode())


def total(page: str) -> float:
    """Seconds of model time that a metrics page of Triton tells of."""
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
    microseconds = sum(
        one.value
        for one in samples
        if one.name == _COMPUTED_US and one.labels["model"] in (EMBEDDER, GRADER)
    )
    return microseconds / 1e6 + sum(one.value for one in samples if one.name in _GENERATED_S)
