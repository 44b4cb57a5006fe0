"""Every overlay is what Kubernetes and KEDA take."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication

from tests.k8s.manifests import (
    K8S,
    NAMESPACE,
    OVERLAYS,
    Object,
    environment,
    of_kind,
    overlay,
    render,
    tool,
    workloads,
)

VERSIONS = ("1.30", "1.34", "1.35", "1.36", "1.37")  # the oldest that will do, and the newest
KEDA = {"ScaledObject": ScaledObject, "TriggerAuthentication": TriggerAuthentication}
CLUSTER_WIDE = {"Namespace", "PriorityClass"}


def every_object() -> list[Object]:
    """The objects of all overlays, each once."""
    texts = {json.dumps(item, sort_keys=True) for name in OVERLAYS for item in overlay(name)}
    return [json.loads(text) for text in sorted(texts)]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(version: str) -> None:
    """`kubectl apply` would refuse it, or drop a field that somebody counts on."""
    for item in every_object():
        if item["kind"] not in KEDA:
            kubernetes_validate.validate(item, version, strict=True)


def test_keda_takes_every_object() -> None:
    """Nothing would be scaled."""
    scaled = [item for item in every_object() if item["kind"] in KEDA]
    assert {item["kind"] for item in scaled} == set(KEDA)
    for item in scaled:
        assert unknown_to_keda(item) == {}


def unknown_to_keda(item: Object) -> object:
    """What of an object is left once the fields of KEDA's CRD are taken away.

    Raises:
        pydantic.ValidationError: a field is missing or of another type.
    """
    read = KEDA[item["kind"]].model_validate(item)
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


def test_a_field_that_keda_does_not_have_is_seen() -> None:
    """The test above would pass whatever is written."""
    [item, *_] = of_kind(overlay("gpu"), "ScaledObject")
    wrong: dict[str, Any] = json.loads(json.dumps(item))
    wrong["spec"]["minReplicas"] = 3
    assert unknown_to_keda(wrong) == {"spec": {"minReplicas": 3}}


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


def test_every_component_is_used() -> None:
    """It would be written, and rendered by nobody."""
    texts = [path.read_text("utf-8") for path in K8S.rglob("kustomization.yaml")]
    for component in (K8S / "components").iterdir():
        used = any(f"components/{component.name}\n" in text for text in texts)
        assert used or component.name == "external-redis"  # rendered above


def with_components(folder: Path, *names: str) -> Path:
    """A kustomization of the bases with components, as an operator writes one."""
    base = folder.resolve()
    up = Path(*[".."] * (len(base.parts) - 1)) / K8S.resolve().relative_to("/")
    listed = "".join(f"  - {up / 'components' / name}\n" for name in names)
    text = f"namespace: {NAMESPACE}\nresources:\n  - {up / 'bases'}\ncomponents:\n{listed}"
    (base / "kustomization.yaml").write_text(text, "utf-8")
    return base


def test_kustomize_says_what_is_wrong(tmp_path: Path) -> None:
    """An overlay that does not render would be rendered as nothing."""
    (tmp_path / "kustomization.yaml").write_text("resources: [none.yaml]\n", "utf-8")
    with pytest.raises(Exception, match="none"):
        tool("kubectl", "kustomize", tmp_path)
