"""The overlays as kubectl renders them, and compose.yaml as Docker reads it: plain data."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("dev", "gpu", "production")
NAMESPACE = "ragstream"
NAME = "app.kubernetes.io/name"  # the label that names a part
_TOOLS = Path(sysconfig.get_path("scripts"))
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """What makes pods: a Deployment, a StatefulSet or a Job; its pods' template with it."""

    name: str
    kind: str
    object: Object
    template: Object

    @property
    def pod(self) -> Object:
        """The pods' spec."""
        spec: Object = self.template["spec"]
        return spec

    @property
    def labels(self) -> Mapping[str, str]:
        """The pods' labels."""
        labels: Mapping[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def containers(self) -> list[Object]:
        """All containers, those that run first included."""
        return [*self.pod.get("initContainers", ()), *self.pod["containers"]]

    @property
    def main(self) -> Object:
        """The container that the pods are there for."""
        [container] = self.pod["containers"]
        return container  # type: ignore[no-any-return] # manifests are untyped


def tool(name: str, *arguments: str | Path, **variables: str) -> str:
    """Run a tool of the environment in the checkout's root and give what it prints.

    Raises:
        subprocess.CalledProcessError: it failed; its message has what it said.
    """
    argv = [str(_TOOLS / name), *map(str, arguments)]
    done = subprocess.run(  # noqa: S603 - tools of the locked environment
        argv, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **variables}, check=False
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, [*argv, done.stdout, done.stderr])
    return done.stdout


@cache
def render(folder: Path) -> tuple[Object, ...]:
    """Every object of a kustomization."""
    return tuple(yaml.load_all(tool("kubectl", "kustomize", folder), yaml.CSafeLoader))


def overlay(name: str) -> tuple[Object, ...]:
    """Every object of an overlay."""
    return render(K8S / "overlays" / name)


@cache
def compose() -> Object:
    """The compose file, its variables and anchors resolved."""
    given = {"RAGSTREAM_REDIS_PASSWORD": "of-the-test"}
    found: Object = json.loads(tool("docker-compose", "config", "--format", "json", **given))
    return found


def of_kind(objects: tuple[Object, ...], kind: str) -> list[Object]:
    """The objects of one kind."""
    return [item for item in objects if item["kind"] == kind]


def workloads(objects: tuple[Object, ...]) -> dict[str, Workload]:
    """What makes pods, by name."""
    found = [Workload(_name(item), item["kind"], item, spec) for item, spec in _templates(objects)]
    return {workload.name: workload for workload in found}


def _templates(objects: tuple[Object, ...]) -> Iterator[tuple[Object, Object]]:
    for item in objects:
        if item["kind"] == "CronJob":
            yield item, item["spec"]["jobTemplate"]["spec"]["template"]
        elif "template" in item.get("spec", {}):
            yield item, item["spec"]["template"]


def _name(item: Object) -> str:
    name: str = item["metadata"]["name"]
    return name


def environment(objects: tuple[Object, ...], container: Object) -> dict[str, str]:
    """A container's variables, as Kubernetes sets them; a secret's value is its key."""
    config = {_name(item): item["data"] for item in of_kind(objects, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= config[source["configMapRef"]["name"]]
    for variable in container.get("env", ()):
        found[variable["name"]] = _value(variable, config, found)
    return found


def _value(variable: Object, config: Mapping[str, Any], known: Mapping[str, str]) -> str:
    source: Object = variable.get("valueFrom", {})
    if "secretKeyRef" in source:
        return str(source["secretKeyRef"]["key"])
    if "configMapKeyRef" in source:
        return str(config[source["configMapKeyRef"]["name"]][source["configMapKeyRef"]["key"]])
    value: str = variable["value"]
    for name, given in known.items():
        value = value.replace(f"$({name})", given)
    return value


_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "m": 1e-3, "mb": 2**20, "": 1}


def amount(quantity: str) -> float:
    """A quantity as a number: bytes or cores; Redis's `mb` as well."""
    number = quantity.rstrip("KMGibm")
    return float(number) * _UNITS[quantity.removeprefix(number)]
