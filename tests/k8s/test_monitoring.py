"""What Prometheus and Grafana are given: rules that hold, alerts with a runbook, a dashboard."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.metrics import ALL, PARTS
from tests.k8s.manifests import K8S, NAME, ROOT, of_kind, overlay, workloads
from tests.prometheus_server import promtool

RULES = K8S / "components" / "monitoring" / "prometheusrule.yaml"
UNIT_TESTS = Path(__file__).parent / "alerts.yaml"
DASHBOARD = K8S / "components" / "monitoring" / "ragstream.json"
RUNBOOKS = ROOT / "docs" / "operations.md"
MODEL_METERS = ROOT / "model_repository" / "generator" / "1" / "engine_meters.py"


def rules() -> Any:
    """The groups of rules, as promtool reads them."""
    return yaml.safe_load(RULES.read_text("utf-8"))["spec"]


def alerts() -> dict[str, Any]:
    """Each alert by its name."""
    found = [rule for group in rules()["groups"] for rule in group["rules"] if "alert" in rule]
    assert len({rule["alert"] for rule in found}) == len(found)
    return {rule["alert"]: rule for rule in found}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The rules, and their unit tests beside them."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()), "utf-8")
    (tmp_path / "alerts.yaml").write_text(UNIT_TESTS.read_text("utf-8"), "utf-8")
    return tmp_path


def test_promtool_takes_the_rules(folder: Path) -> None:
    """Prometheus would refuse the file, and nobody be called for anything."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", folder / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_not_before(folder: Path) -> None:
    """Operators would sleep through an outage, or be woken by none."""
    done = promtool("test", "rules", folder / "alerts.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_tests_see_a_rule_that_changed(folder: Path) -> None:
    """They would pass whatever the rules say."""
    text = (folder / "rules.yaml").read_text("utf-8")
    (folder / "rules.yaml").write_text(text.replace("> 60", "> 70"), "utf-8")
    assert promtool("test", "rules", folder / "alerts.yaml").returncode != 0


def test_every_alert_has_a_unit_test_and_a_runbook() -> None:
    """Who is called at night would read its name, and nothing else."""
    text = RUNBOOKS.read_text("utf-8")
    runbooks = re.findall(r"^### (Ragstream\w+)$", text, re.MULTILINE)
    assert sorted(runbooks) == sorted(alerts())
    tests = yaml.safe_load(UNIT_TESTS.read_text("utf-8"))["tests"]
    tested = [case for test in tests for case in test.get("alert_rule_test", ())]
    for silent in (True, False):  # each is seen to stay silent, and to fire
        names = {case["alertname"] for case in tested if (not case["exp_alerts"]) == silent}
        assert names == set(alerts())


@pytest.mark.parametrize("rule", alerts().values(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(rule: Any) -> None:
    """Nobody could tell whether to get up."""
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_queries_name_metrics_that_there_are() -> None:
    """An alert on a metric that was renamed never fires."""
    ours = {f"ragstream_{part}_{one.name}" for one in ALL for part in one.parts}
    inside = re.findall(r'"([a-z]+_[a-z_]+)"', MODEL_METERS.read_text("utf-8"))
    known = ours | {f"ragstream_generator_{name}" for name in inside}
    text = RULES.read_text("utf-8") + "\n".join(expressions())
    text = re.sub(r"\w+:ragstream_\w+:\w+", "", text)  # recorded, as promtool has seen
    for name in re.findall(r"ragstream_(?:\[a-z\]\+|[a-z]+)_[a-z_]+", text):
        pattern = re.sub(r"_(bucket|count|sum)$", "", name)
        assert any(re.fullmatch(pattern, metric) for metric in known), name


def dashboard() -> Any:
    return json.loads(DASHBOARD.read_text("utf-8"))


def expressions() -> list[str]:
    """The query of every panel."""
    return [
        target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())
    ]


def test_panels_lie_beside_each_other_and_say_what_they_show() -> None:
    """One panel would hide another, or a number stand there without its unit."""
    cells: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        own = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert max(x for x, _ in own) < 24
        assert cells.isdisjoint(own), panel["title"]
        cells |= own
        if panel["type"] != "row":
            assert panel["description"].endswith(("`.", ".")), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(ids)) == len(ids)


def test_production_is_scraped() -> None:
    """Prometheus would look for a port or a label that no pod has."""
    objects = overlay("production")
    pods = workloads(objects)
    found = {}
    for monitor in of_kind(objects, "PodMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["path"] == "/metrics"
        for pod in pods.values():
            ports = {port["name"] for port in pod.main["ports"]}
            if wanted <= pod.labels.items() and endpoint["port"] in ports:
                found[pod.labels[NAME]] = endpoint["port"]
    assert found == {**dict.fromkeys(PARTS, "health"), "triton": "metrics"}


def test_grafana_is_given_the_dashboard() -> None:
    """It would be drawn by hand, in each cluster anew."""
    [held] = [
        item
        for item in of_kind(overlay("production"), "ConfigMap")
        if item["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
    ]
    assert json.loads(held["data"]["ragstream.json"]) == dashboard()
