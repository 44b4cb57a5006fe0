"""What the Dockerfiles build and what compose.yaml and the manifests run are the same."""

import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from tests.k8s.manifests import OVERLAYS, ROOT, compose, overlay, tool, workloads

OURS = ("ragstream-worker", "ragstream-triton", "ragstream-models")
DOCKERFILES = sorted((ROOT / "images").glob("*.Dockerfile"))
_PINNED = re.compile(r"[a-z./-]+:\d+\.\d+(\.\d+)?(-[\w.-]+)?")


def of_overlay(name: str) -> set[str]:
    """Every image that an overlay runs."""
    pods = workloads(overlay(name)).values()
    return {container["image"] for pod in pods for container in pod.containers}


def test_compose_runs_what_kubernetes_runs() -> None:
    """What was tried on a laptop would not be what runs in the cluster."""
    assert {part["image"] for part in compose()["services"].values()} == of_overlay("dev")


@pytest.mark.parametrize("name", OVERLAYS)
def test_images_are_pinned(name: str) -> None:
    """A pod that starts next month would run something else."""
    version = metadata.version("ragstream")
    for image in of_overlay(name):
        project, _, tag = image.partition(":")
        assert _PINNED.fullmatch(image), image
        assert project not in OURS or tag.startswith(version)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_a_dockerfile_is_sound(dockerfile: Path) -> None:
    """No engine runs where this is tested: hadolint reads it in its place."""
    tool("hadolint", dockerfile)
    text = dockerfile.read_text("utf-8")
    stages = set(re.findall(r"^FROM .* AS (\S+)$", text, re.MULTILINE))
    bases = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - stages
    assert all(_PINNED.fullmatch(base) for base in bases)
    users = re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert users
    assert not any("0" in user for user in users)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_a_dockerfile_copies_is_there(dockerfile: Path) -> None:
    """The build would fail at its end, where nobody tries it."""
    text = dockerfile.read_text("utf-8").replace("${LOCK}", "triton")
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    sources = {source for copy in copies for source in copy.split()}
    assert sources
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in kept, source


@pytest.mark.parametrize("flavour", ["triton", "triton-gpu"])
def test_triton_gets_the_numpy_that_its_backend_takes(flavour: str) -> None:
    """Its python backend would return empty tensors."""
    lock = (ROOT / "locks" / f"{flavour}.txt").read_text("utf-8")
    assert re.search(r"^numpy==1\.", lock, re.MULTILINE)
    assert re.search(r"^tokenizers==", lock, re.MULTILINE)


def test_compose_publishes_to_this_machine_alone() -> None:
    """Redis of a laptop would be open to its whole network."""
    services = compose()["services"].values()
    ports = [port for service in services for port in service.get("ports", ())]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_compose_confines_every_container() -> None:
    """What is broken into would own more than it needs."""
    for name, service in compose()["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_compose_wants_a_password() -> None:
    """Redis would run without one."""
    with pytest.raises(subprocess.CalledProcessError, match="set a password"):
        tool("docker-compose", "config", "--quiet", RAGSTREAM_REDIS_PASSWORD="")
