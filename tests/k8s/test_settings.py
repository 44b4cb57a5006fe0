"""Each part is given settings that it knows, and the room that they need."""

import re
from pathlib import Path

import pytest

from services.cli import triton
from services.cli.model_settings import read_settings
from services.cli.part import WORKERS
from services.embedder.settings import EmbedderSettings
from services.generator.settings import GeneratorSettings
from services.ingestor.settings import IngestorSettings
from services.retriever.settings import RetrieverSettings
from shared.settings import PREFIX, CommonSettings, Settings, load
from tests.k8s.manifests import (
    OVERLAYS,
    Object,
    amount,
    compose,
    environment,
    overlay,
    workloads,
)

OWN: dict[str, type[Settings]] = {
    "ingestor": IngestorSettings,
    "embedder": EmbedderSettings,
    "retriever": RetrieverSettings,
    "generator": GeneratorSettings,
}
DEPLOYED = (*OVERLAYS, "compose")
_SPARE_S = 10  # to close connections
_GIB = 2**30


def variables(deployed: str, part: str) -> dict[str, str]:
    """The variables of a part's main container."""
    if deployed == "compose":
        found: dict[str, str] = compose()["services"][part]["environment"]
        return found
    objects = overlay(deployed)
    return environment(objects, workloads(objects)[part].main)


@pytest.mark.parametrize("deployed", DEPLOYED)
@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_takes_its_settings(deployed: str, worker: str) -> None:
    """It would stop at its start: a name is unknown, or a value out of its bounds."""
    given = variables(deployed, worker)
    common, _ = load(CommonSettings, given), load(OWN[worker], given)
    assert common.redis_password.get_secret_value()
    assert common.triton_url == "triton:8001"
    assert "@" not in common.redis_url or f"//{worker}@" in common.redis_url


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("worker", WORKERS)
def test_probes_find_a_worker(name: str, worker: str) -> None:
    """Kubernetes would restart a worker that is well."""
    common = load(CommonSettings, variables(name, worker))
    assert common.health_host == "0.0.0.0"  # noqa: S104 - the kubelet comes from outside the pod
    main = workloads(overlay(name))[worker].main
    assert {"name": "health", "containerPort": common.health_port} in main["ports"]
    assert main["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert main["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("deployed", DEPLOYED)
def test_triton_knows_its_models_settings(deployed: str) -> None:
    """A model refuses to load with a name that it does not know."""
    known = {setting.variable for model in triton.MODELS for setting in read_settings(model)}
    given = {name for name in variables(deployed, "triton") if name.startswith(PREFIX)}
    assert given
    assert given <= known


@pytest.mark.parametrize("deployed", DEPLOYED)
def test_triton_runs_as_the_local_stack_runs_it(deployed: str) -> None:
    """What holds on a laptop, as refusing to start with a broken model, would not hold here."""
    argv, _ = triton.command(Path("x"), Path("/models"), http_port=1, grpc_port=2, metrics_port=3)
    of_the_machine = re.compile(r"--(backend-directory|\w+-(address|port))=")
    wanted = {word for word in argv[1:] if not of_the_machine.match(word)}
    if deployed == "compose":
        given = set(compose()["services"]["triton"]["command"])
    else:
        given = set(workloads(overlay(deployed))["triton"].main["args"])
    assert wanted <= given


def grace_s(deployed: str, part: str) -> float:
    """Seconds from the request to end to the kill."""
    if deployed == "compose":
        words: str = compose()["services"][part]["stop_grace_period"]
        minutes, seconds = re.fullmatch(r"(?:(\d+)m)?(\d+)s", words).groups("0")  # type: ignore[union-attr] # None fails the test
        return 60 * int(minutes) + int(seconds)
    pod = workloads(overlay(deployed))[part].pod
    hook = pod["containers"][0].get("lifecycle", {}).get("preStop", {})
    return float(pod["terminationGracePeriodSeconds"] - hook.get("sleep", {}).get("seconds", 0))


@pytest.mark.parametrize("deployed", DEPLOYED)
def test_nobody_is_killed_before_it_has_ended(deployed: str) -> None:
    """Work in hand would be done again by another, after its time-out."""
    for worker in WORKERS:
        common = load(CommonSettings, variables(deployed, worker))
        assert grace_s(deployed, worker) >= common.grace_period_s + _SPARE_S
    assert grace_s(deployed, "triton") >= triton.DRAIN_S + _SPARE_S


def memory(deployed: str, part: str) -> float:
    """Bytes that a part may use."""
    if deployed == "compose":
        return float(compose()["services"][part]["mem_limit"])
    limits: Object = workloads(overlay(deployed))[part].main["resources"]["limits"]
    return amount(limits["memory"])


@pytest.mark.parametrize("deployed", DEPLOYED)
def test_documents_fit_into_the_ingestor(deployed: str) -> None:
    """One large document would have the container killed with all that it reads."""
    own = load(IngestorSettings, variables(deployed, "ingestor"))
    children = own.concurrency * own.read_memory_mb * 2**20
    # a document's bytes and its text, on their way through the worker, for each that is in hand
    on_the_way = own.concurrency * 4 * own.max_document_bytes
    assert children + on_the_way + 0.25 * _GIB <= memory(deployed, "ingestor")


@pytest.mark.parametrize("deployed", [name for name in DEPLOYED if name != "gpu"])
def test_the_caches_fit_into_triton(deployed: str) -> None:
    """A busy hour would have Triton killed."""
    given = variables(deployed, "triton")
    caches = sum(int(value) for name, value in given.items() if name.endswith("CACHE_MIB"))
    weights_and_runs = 2 * _GIB  # the models in fp32, Triton itself, a prompt's chunk
    assert caches * 2**20 + weights_and_runs <= memory(deployed, "triton")


@pytest.mark.parametrize("deployed", DEPLOYED)
def test_redis_can_rewrite_its_file(deployed: str) -> None:
    """A full Redis would be killed while it copies what changes meanwhile."""
    if deployed == "compose":
        words = " ".join(compose()["services"]["redis"]["command"])
    else:
        words = " ".join(workloads(overlay(deployed))["redis"].main["args"])
    [most] = re.findall(r"--maxmemory (\w+)", words)
    assert 2 * amount(most) <= memory(deployed, "redis")
