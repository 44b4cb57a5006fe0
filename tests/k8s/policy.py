"""What is wrong with a pod, by the rules that every pod here must keep. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

# No number of a system's own user, root's least of all.
_LEAST_USER = 100
_OF_THE_NODE = ("hostNetwork", "hostPID", "hostIPC")


def faults(pod: Mapping[str, Any]) -> list[str]:
    """Each rule that a pod's spec breaks, in words; none if it keeps all."""
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    return [
        *_of_pod(pod),
        *(f"{c['name']}: {fault}" for c in containers for fault in _of_container(c)),
        *(f"{c['name']}: {fault}" for c in pod["containers"] for fault in _of_server(c)),
    ]


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    security = pod.get("securityContext", {})
    user, group = (security.get(name, 0) for name in ("runAsUser", "runAsGroup"))
    rules = {
        "may run as root": security.get("runAsNonRoot") is not True,
        "names no user and group of its own": min(user, group) < _LEAST_USER,
        "may call all of the kernel": security.get("seccompProfile") != {"type": "RuntimeDefault"},
        "is given a token for the cluster": pod.get("automountServiceAccountToken") is not False,
        "is given variables that a worker refuses": pod.get("enableServiceLinks") is not False,
        "shares namespaces with its node": any(pod.get(name) for name in _OF_THE_NODE),
        "sees its node's files": any("hostPath" in volume for volume in pod.get("volumes", ())),
        "has no priority": not pod.get("priorityClassName"),
        "is spread over no nodes": not pod.get("topologySpreadConstraints"),
        "says not how long it may take to end": not pod.get("terminationGracePeriodSeconds"),
    }
    return (fault for fault, is_broken in rules.items() if is_broken)


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield "may gain rights"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "may write to its own programs"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if overruled := {"runAsUser", "runAsNonRoot", "seccompProfile"} & security.keys():
        yield f"overrules its pod's {', '.join(sorted(overruled))}"
    resources = container.get("resources", {})
    for kind in ("requests", "limits"):
        if missing := {"cpu", "memory"} - resources.get(kind, {}).keys():
            yield f"has no {kind} of {', '.join(sorted(missing))}"


def _of_server(container: Mapping[str, Any]) -> Iterator[str]:
    for probe in ("livenessProbe", "readinessProbe"):
        if probe not in container:
            yield f"has no {probe}"
