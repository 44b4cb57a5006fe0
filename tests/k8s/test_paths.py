"""The NetworkPolicies let through what DESIGN's picture shows, and nothing else."""

import copy
from pathlib import Path

import pytest

from services.cli.part import WORKERS
from tests.k8s.manifests import OVERLAYS, ROOT, of_kind, overlay, workloads
from tests.k8s.paths import denies_by_default, inner_paths, outer_paths

REDIS, GRPC, PROBES = 6379, 8001, 8080


def wanted(name: str) -> set[tuple[str, str, int]]:
    """Every worker to Redis, those that use models to Triton; copies of Redis to one another."""
    uses_models = {worker for worker in WORKERS if "w.triton" in _wiring(worker)}
    assert uses_models == set(WORKERS)
    copies = {("redis", "redis", REDIS)} if name == "production" else set()
    to_redis = {(worker, "redis", REDIS) for worker in WORKERS}
    return to_redis | {(worker, "triton", GRPC) for worker in uses_models} | copies


def _wiring(worker: str) -> str:
    return Path(ROOT / "services" / worker / "app.py").read_text("utf-8")


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_paths_are_those_of_the_picture(name: str) -> None:
    """A part would be cut off, or reach what it has no business with."""
    assert denies_by_default(overlay(name))
    assert inner_paths(overlay(name)) == wanted(name)


@pytest.mark.parametrize("name", OVERLAYS)
def test_strangers_come_in_at_known_doors_alone(name: str) -> None:
    """The whole cluster, or the world, would be let in or out."""
    found = {
        (
            *sorted(peer["peer"]["namespaceSelector"]["matchLabels"].items()),
            *peer["ports"],
        )
        for peer in outer_paths(overlay(name))
    }
    doors = {
        (("kubernetes.io/metadata.name", "kube-system"), 53),
        (("ragstream.io/clients", "true"), REDIS),
        (("ragstream.io/monitoring", "true"), 8002),
    }
    more = {
        "dev": set(),
        "gpu": {(("kubernetes.io/metadata.name", "keda"), REDIS)},
        "production": {
            (("kubernetes.io/metadata.name", "keda"), REDIS),
            (("ragstream.io/monitoring", "true"), PROBES),
        },
    }
    assert found == doors | more[name]


def test_prometheus_reaches_every_worker() -> None:
    """A dashboard would stay empty, and every alert about what is missing fire."""
    [policy] = [
        item
        for item in of_kind(overlay("production"), "NetworkPolicy")
        if item["metadata"]["name"] == "workers-from-monitoring"
    ]
    wanted = policy["spec"]["podSelector"]["matchLabels"].items()
    pods = workloads(overlay("production")).items()
    assert {name for name, pod in pods if wanted <= pod.labels.items()} == set(WORKERS)


def test_a_path_needs_both_ends() -> None:
    """The policies would be read as more than they let through."""
    objects = copy.deepcopy(overlay("dev"))
    for item in objects:
        if item["kind"] == "NetworkPolicy" and item["metadata"]["name"] == "triton":
            item["spec"]["ingress"][0]["ports"][0]["port"] = 9999
    assert {path for path in inner_paths(objects) if path[1] == "triton"} == set()
