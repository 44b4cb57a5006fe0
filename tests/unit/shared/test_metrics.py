"""What a worker shows to Prometheus: names, first values, exemplars, and nobody else's words."""

import re
from pathlib import Path
from typing import Any

import pytest

from services.cli.part import WORKERS
from shared import metrics as m
from shared.metrics import ALL, PARTS, Metrics, page

MODEL_METERS = Path(__file__).parents[3] / "model_repository/generator/1/engine_meters.py"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """All values by name and labels' values; histograms' buckets and the process left out."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if family.name.startswith("ragstream_") and "le" not in sample.labels
    }


async def get(metrics: Metrics, accept: str = "", path: str = "/metrics") -> tuple[str, str]:
    """Content type and text of the page."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def look() -> None:
        metrics.set(m.PAUSED, 1)

    headers = [(b"accept", accept.encode())]
    scope = {"type": "http", "path": path, "query_string": b"", "headers": headers}
    await page(metrics, look)(scope, receive, send)
    start, body = sent
    return dict(start["headers"])[b"Content-Type"].decode(), body["body"].decode()


def test_names_are_those_of_the_design() -> None:
    """Rules, alerts and people would look for another name."""
    assert PARTS == WORKERS
    assert len({metric.name for metric in ALL}) == len(ALL)
    for metric in ALL:
        assert re.fullmatch(r"[a-z]+_[a-z_]+", metric.name), metric.name
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert bool(metric.buckets) == (metric.kind == "histogram"), metric.name


def test_the_worker_and_the_model_share_no_name() -> None:
    """Both are called generator: one query would add up two things."""
    names = set(re.findall(r'"([a-z_]+)"', MODEL_METERS.read_text("utf-8")))
    assert "waiting_requests" in names
    assert names.isdisjoint(metric.name for metric in ALL)


def test_counters_stand_at_0_before_anything_happens() -> None:
    """The first dead letter would raise no alert: `increase` sees no counter's birth."""
    metrics = Metrics("generator")
    metrics.announce(["rag:generate", "rag:generate:bulk"])
    found = samples(metrics)
    assert set(found.values()) == {0.0}
    assert ("ragstream_generator_dead_letters_total", "rag:generate:bulk") in found
    assert ("ragstream_generator_handled_entries_total", "rag:generate", "failed") in found
    assert ("ragstream_generator_query_answers_total", "abstained") in found


@pytest.mark.parametrize("part", PARTS)
def test_a_part_announces_its_own(part: str) -> None:
    """An ingestor would show answers, and a dashboard would add them up."""
    metrics = Metrics(part)
    metrics.announce(["rag:any"])
    shown = {name.removeprefix(f"ragstream_{part}_") for name, *_ in samples(metrics)}
    own = {metric.name for metric in ALL if part in metric.parts and metric.kind == "counter"}
    assert {name for name in shown if name.endswith("_total")} == own - {m.FAILED.name}


async def test_exemplars_come_where_they_are_asked_for() -> None:
    """Nobody could go from a slow question on a dashboard to its trace."""
    metrics = Metrics("embedder")
    metrics.observe(m.WORK, 0.2, trace_id=TRACE, stream="rag:queries")
    metrics.add(m.FAILED, trace_id=TRACE, stream="rag:queries", code="invalid_query")
    kind, text = await get(metrics, "application/openmetrics-text;version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    [bucket] = [line for line in text.splitlines() if TRACE in line and "_bucket" in line]
    assert 'le="0.25"' in bucket
    assert len([line for line in text.splitlines() if TRACE in line]) == 2
    assert text.endswith("# EOF\n")
    kind, text = await get(metrics)
    assert kind.startswith("text/plain")
    assert TRACE not in text


async def test_the_page_looks_before_it_answers() -> None:
    """It would tell what was true at the scrape before."""
    _, text = await get(Metrics("embedder"))
    assert "ragstream_embedder_paused_workers 1.0" in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text
