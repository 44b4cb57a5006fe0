"""Every overlay is what Kubernetes, KEDA and the Prometheus operator take."""

import json
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule
from pydantic import BaseModel

from services.cli.part import WORKERS
from shared.settings import CommonSettings, load
from tests.k8s.manifests import (
    K8S,
    NAMESPACE,
    OVERLAYS,
    ROOT,
    Object,
    environment,
    of_kind,
    overlay,
    render,
    tool,
    workloads,
)

VERSIONS = ("1.30", "1.34", "1.35", "1.36", "1.37")  # the oldest that will do, and the newest
# Kinds that Kubernetes does not have by itself: those of KEDA and of the Prometheus operator.
CUSTOM: dict[str, type[BaseModel]] = {
    "ScaledObject": ScaledObject,
    "TriggerAuthentication": TriggerAuthentication,
    "PodMonitor": PodMonitor,
    "PrometheusRule": PrometheusRule,
}
DOCS = ROOT / "docs" / "kubernetes.md"
CLUSTER_WIDE = {"Namespace", "PriorityClass"}


def every_object() -> list[Object]:
    """The objects of all overlays, each once."""
    texts = {json.dumps(item, sort_keys=True) for name in OVERLAYS for item in overlay(name)}
    return [json.loads(text) for text in sorted(texts)]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(version: str) -> None:
    """`kubectl apply` would refuse it, or drop a field that somebody counts on."""
    for item in every_object():
        if item["kind"] not in CUSTOM:
            kubernetes_validate.validate(item, version, strict=True)


def test_their_operators_take_every_object() -> None:
    """Nothing would be scaled, or scraped."""
    custom = [item for item in every_object() if item["kind"] in CUSTOM]
    assert {item["kind"] for item in custom} == set(CUSTOM)
    for item in custom:
        assert unknown(item) == {}


def unknown(item: Object) -> object:
    """What of an object is left once the fields of its CRD are taken away.

    Raises:
        pydantic.ValidationError: a field is missing or of another type.
    """
    read = CUSTOM[item["kind"]].model_validate(item)
    known = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return _left(item, known)


def _left(given: object, known: object) -> object:
    if isinstance(given, Mapping) and isinstance(known, Mapping):
        found = {name: _left(value, known.get(name, "?")) for name, value in given.items()}
        return {name: value for name, value in found.items() if value not in ({}, None)}
    if isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        pairs = zip(given, known, strict=True)
        return {at: value for at, pair in enumerate(pairs) if (value := _left(*pair))}
    return None if given == known else given


def test_a_field_that_a_crd_does_not_have_is_seen() -> None:
    """The test above would pass whatever is written."""
    [item, *_] = of_kind(overlay("gpu"), "ScaledObject")
    wrong: dict[str, Any] = json.loads(json.dumps(item))
    wrong["spec"]["minReplicas"] = 3
    assert unknown(wrong) == {"spec": {"minReplicas": 3}}


@pytest.mark.parametrize("name", OVERLAYS)
def test_all_objects_are_in_the_namespace(name: str) -> None:
    """A policy of this namespace would not hold for it."""
    for item in overlay(name):
        place = item["metadata"].get("namespace")
        assert place == (None if item["kind"] in CLUSTER_WIDE else NAMESPACE), item["metadata"]


def test_a_redis_of_somebody_else_takes_the_place_of_ours(tmp_path: Path) -> None:
    """A component that no overlay uses would rot."""
    objects = render(with_components(tmp_path, "external-redis"))
    assert set(workloads(objects)) == {"triton", "ingestor", "embedder", "retriever", "generator"}
    variables = environment(objects, workloads(objects)["embedder"].main)
    url = "rediss://embedder@redis.example.com:6379/0"
    assert variables["RAGSTREAM_REDIS_URL"] == url
    for item in objects:
        kubernetes_validate.validate(item, VERSIONS[-1], strict=True)


def test_traces_go_from_every_worker_to_the_collector(tmp_path: Path) -> None:
    """A path would be missing: spans would be dropped, and nobody be told by the manifests."""
    objects = render(with_components(tmp_path, "traces"))
    for worker in WORKERS:
        settings = load(CommonSettings, environment(objects, workloads(objects)[worker].main))
        assert settings.otlp_url.endswith(":4317")
        assert workloads(objects)[worker].labels["app.kubernetes.io/component"] == "worker"
    [policy] = [one for one in objects if one["metadata"]["name"] == "traces"]
    assert policy["spec"]["egress"][0]["ports"] == [{"port": 4317}]
    kubernetes_validate.validate(policy, VERSIONS[-1], strict=True)


def test_every_component_is_used() -> None:
    """It would be written, and rendered by nobody."""
    texts = [path.read_text("utf-8") for path in K8S.rglob("kustomization.yaml")]
    for component in (K8S / "components").iterdir():
        used = any(f"components/{component.name}\n" in text for text in texts)
        assert used or component.name in {"external-redis", "traces"}  # rendered above


def _up_to(folder: Path) -> Path:
    """The way from a folder to k8s/: kustomize takes no absolute one."""
    return Path(*[".."] * (len(folder.resolve().parts) - 1)) / K8S.resolve().relative_to("/")


def with_components(folder: Path, *names: str) -> Path:
    """A kustomization of the bases with components, as an operator writes one."""
    base, up = folder.resolve(), _up_to(folder)
    listed = "".join(f"  - {up / 'components' / name}\n" for name in names)
    text = f"namespace: {NAMESPACE}\nresources:\n  - {up / 'bases'}\ncomponents:\n{listed}"
    (base / "kustomization.yaml").write_text(text, "utf-8")
    return base


def test_the_overlay_of_the_docs_means_what_it_says() -> None:
    """Who copies it would run another image, or write to a copy of Redis."""
    [text] = re.findall(r"```yaml\n(namespace: .*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    folder = K8S / "overlays" / f"docs-{uuid.uuid4().hex}"  # its paths lead to its neighbours
    folder.mkdir()
    try:
        (folder / "kustomization.yaml").write_text(text, "utf-8")
        objects = render(folder)
    finally:
        shutil.rmtree(folder)
    worker = workloads(objects)["embedder"].main
    assert worker["image"].startswith("registry.example.com/ragstream-worker:")
    assert environment(objects, worker)["RAGSTREAM_LOG_LEVEL"] == "WARNING"


def test_a_change_of_the_settings_reaches_who_cannot_read_them(tmp_path: Path) -> None:
    """The service would stand for a copy of Redis, and KEDA look at streams of others."""
    copy = shutil.copytree(K8S, tmp_path / "k8s")
    file = copy / "bases" / "common" / "settings.env"
    text = file.read_text("utf-8").replace("NAMESPACE=rag", "NAMESPACE={rag-2}")
    file.write_text(text.replace("PRIMARY=redis-0", "PRIMARY=redis-1"), "utf-8")
    objects = render(copy / "overlays" / "production")
    [redis] = [item for item in of_kind(objects, "Service") if item["metadata"]["name"] == "redis"]
    assert redis["spec"]["selector"]["statefulset.kubernetes.io/pod-name"] == "redis-1"
    streams = {
        trigger["metadata"]["stream"]
        for item in of_kind(objects, "ScaledObject")
        for trigger in item["spec"]["triggers"]
        if trigger["type"] == "redis-streams"
    }
    assert {stream.partition(":")[0] for stream in streams} == {"{rag-2}"}


def test_kustomize_says_what_is_wrong(tmp_path: Path) -> None:
    """An overlay that does not render would be rendered as nothing."""
    (tmp_path / "kustomization.yaml").write_text("resources: [none.yaml]\n", "utf-8")
    with pytest.raises(Exception, match="none"):
        tool("kubectl", "kustomize", tmp_path)
