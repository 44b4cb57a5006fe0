"""Every query of the dashboard and every rule, in a real Prometheus that scrapes a real stack."""

import asyncio
import json
import math
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from services.cli.part import WORKERS
from shared.messages import Query
from tests.k8s.manifests import K8S
from tests.prometheus_server import Prometheus, running_prometheus
from tests.running_stack import Stack

FOLDER = K8S / "components" / "monitoring"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
QUESTION = "Why must samples of different size be made comparable before species are counted?"
# As Grafana and the operator fill them in.
FILLED = {"$__rate_interval": "1m", "$namespace": ".*"}


def rules() -> Any:
    return yaml.safe_load((FOLDER / "prometheusrule.yaml").read_text("utf-8"))["spec"]


def panels() -> list[Any]:
    """Title and query of each target."""
    text = (FOLDER / "ragstream.json").read_text("utf-8")
    for variable, value in FILLED.items():
        text = text.replace(variable, value)
    return [
        (panel["title"], target["expr"])
        for panel in json.loads(text)["panels"]
        for target in panel.get("targets", ())
    ]


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has seen the stack before and after a document, an answer, a failure and an expiry."""
    targets = [
        (f"127.0.0.1:{row['metrics_port']}", {"pod": row["name"], "container": _container(row)})
        for row in stack.state()["parts"]
        if row["metrics_port"]
    ]
    folder = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(folder, targets, rules=rules()) as server:
        server.wait(f"count(up == 1) == {len(WORKERS) + 1}")
        asyncio.run(_use(stack))
        scraped = time.time()
        server.wait(f"min(timestamp(up)) > {scraped + 1}")  # each of them once since, and a rule
        yield server


def _container(row: Any) -> str:
    return "worker" if row["name"] in WORKERS else str(row["name"])


async def _use(stack: Stack) -> None:
    async with stack.client() as client:
        data = b"Tides follow the moon. Bees dance where the food is."
        await client.ingest(data, document_id="watched", name="w.txt", collection="watched")
        async for ingested in client.wait_ingested(["watched"], timeout_s=60):
            assert ingested.state == "ingested"
        recorded = f"00-{TRACE}-00f067aa0ba902b7-01"
        told = await client.ask(Query(question=QUESTION, traceparent=recorded), timeout_s=60)
        assert told.status == "answered"
        expired = await client.ask(Query(question=QUESTION, deadline_ms=1), timeout_s=60)
        assert expired.status == "expired"
        unknown = await client.ask(Query(question=QUESTION, collection="none"), timeout_s=60)
        assert unknown.status == "failed"


@pytest.mark.parametrize(("title", "expression"), panels())
def test_a_panel_has_data(prometheus: Prometheus, title: str, expression: str) -> None:
    """Operators would look at an empty square when they need a number."""
    values = [float(sample["value"][1]) for sample in prometheus.query(expression)]
    assert any(math.isfinite(value) for value in values), f"{title}: {expression}: {values}"


def test_the_rules_work_on_what_is_scraped(prometheus: Prometheus) -> None:
    """A recorded number would be missing, or an alert fail at each look, without a word."""
    for group in prometheus.get("rules")["groups"]:
        for rule in group["rules"]:
            assert rule["health"] == "ok", rule
            if rule["type"] == "recording":
                assert prometheus.wait(rule["name"], within_s=10), rule["name"]


def test_a_dead_letter_calls_somebody_and_nothing_else_does(prometheus: Prometheus) -> None:
    """Alerts that always fire are read by nobody; one that cannot fire is worse."""
    firing = prometheus.wait('ALERTS{alertstate="firing"}')
    assert {sample["metric"]["alertname"] for sample in firing} == {"RagstreamDeadLetters"}


def test_a_slow_question_leads_to_its_trace(prometheus: Prometheus) -> None:
    """Exemplars would stay in the worker."""
    now = time.time()
    found = prometheus.get(
        "query_exemplars",
        query="ragstream_generator_work_seconds_bucket",
        start=str(now - 600),
        end=str(now),
    )
    traces = {one["labels"]["trace_id"] for row in found for one in row["exemplars"]}
    assert TRACE in traces  # the stack is traced: questions of other tests have some as well


def test_the_dashboards_choice_of_namespaces_works(prometheus: Prometheus) -> None:
    """Nobody could look at one of two installations."""
    [chosen] = [
        one
        for one in json.loads((FOLDER / "ragstream.json").read_text("utf-8"))["templating"]["list"]
        if one["name"] == "namespace"
    ]
    metric = chosen["query"]["query"].removeprefix("label_values(").partition(",")[0]
    assert prometheus.query(metric)
