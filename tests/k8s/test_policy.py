"""Each pod of each overlay keeps the rules, and is wired to things that exist."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.k8s.manifests import (
    NAME,
    OVERLAYS,
    Object,
    Workload,
    of_kind,
    overlay,
    workloads,
)
from tests.k8s.policy import faults

PODS = [(name, pod) for name in OVERLAYS for pod in workloads(overlay(name)).values()]
PARTS = {"redis", "triton", "ingestor", "embedder", "retriever", "generator"}
each_pod = pytest.mark.parametrize(
    ("overlay_name", "workload"), PODS, ids=[f"{name}-{pod.name}" for name, pod in PODS]
)


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_has_every_part(name: str) -> None:
    """The rules would hold for pods that are not there."""
    assert set(workloads(overlay(name))) == PARTS


@each_pod
def test_a_pod_keeps_the_rules(overlay_name: str, workload: Workload) -> None:
    """What is broken into would own more than it needs."""
    assert faults(workload.pod) == [], overlay_name


def _set(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda pod: pod.update(values)


def _of_container(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda pod: pod["initContainers"][0]["securityContext"].update(values)


BREACHES = [
    (_set(securityContext={}), 3),
    (_set(automountServiceAccountToken=True), 1),
    (_set(enableServiceLinks=True), 1),
    (_set(hostNetwork=True), 1),
    (_set(volumes=[{"name": "node", "hostPath": {"path": "/"}}]), 1),
    (_set(priorityClassName=""), 1),
    (_set(topologySpreadConstraints=[]), 1),
    (_of_container(allowPrivilegeEscalation=True), 1),
    (_of_container(privileged=True), 1),
    (_of_container(readOnlyRootFilesystem=False), 1),
    (_of_container(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}), 1),
    (_of_container(runAsUser=0), 1),
    (lambda pod: pod["initContainers"][0].pop("resources"), 2),
    (lambda pod: pod["containers"][0].pop("livenessProbe"), 1),
]


@pytest.mark.parametrize(("breach", "count"), BREACHES)
def test_a_breach_is_seen(breach: Callable[[dict[str, Any]], object], count: int) -> None:
    """The rules would pass any pod."""
    pod = copy.deepcopy(dict(workloads(overlay("production"))["redis"].pod))
    breach(pod)
    assert len(faults(pod)) == count


@each_pod
def test_what_a_pod_names_is_there(overlay_name: str, workload: Workload) -> None:
    """It would never start, and no schema says so."""
    objects = overlay(overlay_name)
    classes = {item["metadata"]["name"] for item in of_kind(objects, "PriorityClass")}
    assert workload.pod["priorityClassName"] in classes
    config = {item["metadata"]["name"] for item in of_kind(objects, "ConfigMap")}
    volumes = workload.pod["volumes"]
    assert {v["configMap"]["name"] for v in volumes if "configMap" in v} <= config
    claims = workload.object["spec"].get("volumeClaimTemplates", ())
    there = {v["name"] for v in volumes} | {claim["metadata"]["name"] for claim in claims}
    for container in workload.containers:
        assert {mount["name"] for mount in container["volumeMounts"]} <= there
        ports = {port["name"] for port in container.get("ports", ())}
        assert {port for name in PROBES if (port := _port(container.get(name, {})))} <= ports


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def _port(probe: Object) -> str:
    found = [probe[way]["port"] for way in ("httpGet", "tcpSocket") if way in probe]
    return str(found[0]) if found else ""


@each_pod
def test_selectors_mean_their_pods(overlay_name: str, workload: Workload) -> None:
    """Kubernetes refuses a workload that does not select its own pods."""
    selector = workload.object["spec"]["selector"]["matchLabels"]
    assert selector == {NAME: workload.name}, overlay_name
    assert selector.items() <= workload.labels.items()


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_service_finds_its_pods_and_their_ports(name: str) -> None:
    """Workers would look up a name behind which nobody is."""
    pods = workloads(overlay(name))
    services = of_kind(overlay(name), "Service")
    assert {service["metadata"]["name"] for service in services} == {"redis", "triton"}
    for service in services:
        part = pods[service["spec"]["selector"][NAME]]
        ports = {port["name"] for port in part.main["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_nodes_are_emptied_one_pod_of_a_part_at_a_time() -> None:
    """An upgrade of the nodes would take all pods of a part at once."""
    budgets = of_kind(overlay("production"), "PodDisruptionBudget")
    assert {budget["spec"]["selector"]["matchLabels"][NAME] for budget in budgets} == PARTS
    assert {budget["spec"]["maxUnavailable"] for budget in budgets} == {1}


def test_triton_on_a_gpu_asks_for_one() -> None:
    """It would start on any node and compute on its CPU."""
    pod = workloads(overlay("gpu"))["triton"]
    assert pod.main["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod.pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert pod.main["image"].endswith("-gpu")
    assert pod.pod["initContainers"][0]["image"].endswith("-fp16")
