"""KEDA looks at the streams and groups that the code reads, by the slots that a worker has."""

import pytest

from services.cli.model_settings import read_settings
from services.embedder.app import GROUP as EMBEDDER
from services.embedder.settings import EmbedderSettings
from services.generator.app import GROUP as GENERATOR
from services.generator.settings import GeneratorSettings
from services.ingestor.app import GROUP as INGESTOR
from services.ingestor.settings import IngestorSettings
from services.retriever.app import GROUP as RETRIEVER
from services.retriever.settings import RetrieverSettings
from shared.settings import CommonSettings, load
from shared.stages import places
from shared.streams import Namespace
from tests.k8s.manifests import Object, environment, of_kind, overlay, workloads

SCALED = ("gpu", "production")
# What a trigger may say, by keda.sh/docs/latest/scalers/redis-streams: the CRD leaves it open.
KNOWN = {
    "address",
    "stream",
    "consumerGroup",
    "lagCount",
    "activationLagCount",
    "pendingEntriesCount",
    "streamLength",
}


def slots(name: str) -> dict[tuple[str, str], int]:
    """How many entries one worker of a group has in hand, by (group, stream)."""
    objects = overlay(name)
    variables = {part: environment(objects, pod.main) for part, pod in workloads(objects).items()}
    names = Namespace(load(CommonSettings, variables[EMBEDDER]).namespace)
    embedder = load(EmbedderSettings, variables[EMBEDDER])
    return {
        (INGESTOR, names.documents): load(IngestorSettings, variables[INGESTOR]).concurrency,
        (EMBEDDER, names.queries): embedder.concurrency,
        (EMBEDDER, names.embed): embedder.bulk_concurrency,
        (RETRIEVER, names.retrieve): load(RetrieverSettings, variables[RETRIEVER]).concurrency,
        (RETRIEVER, names.index): 1,
        (GENERATOR, names.generate): load(GeneratorSettings, variables[GENERATOR]).concurrency,
    }


def triggers(name: str, kind: str = "redis-streams") -> list[tuple[str, Object]]:
    """Triggers of one type as (what is scaled, what the trigger says)."""
    return [
        (scaled["spec"]["scaleTargetRef"]["name"], trigger["metadata"])
        for scaled in of_kind(overlay(name), "ScaledObject")
        for trigger in scaled["spec"]["triggers"]
        if trigger["type"] == kind
    ]


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("count", ["lagCount", "pendingEntriesCount"])
def test_each_stage_is_scaled_by_what_waits_and_what_is_in_hand(name: str, count: str) -> None:
    """A stream that was renamed, or slots that were changed, would leave a stage to itself."""
    found = {
        (said["consumerGroup"], said["stream"]): int(said[count])
        for target, said in triggers(name)
        if count in said and said["consumerGroup"] == target
    }
    assert found == slots(name)


@pytest.mark.parametrize("name", SCALED)
def test_every_trigger_speaks_of_a_stream_that_there_is(name: str) -> None:
    """KEDA would ask for a key that nobody writes."""
    there = {place.stream for place in places(Namespace("rag"))}
    for _, said in triggers(name):
        assert said["stream"] in there
        assert set(said) <= KNOWN
        assert said["address"] == "redis.ragstream:6379"
        # one count a trigger: of two, KEDA takes one without a word
        assert len(set(said) & {"lagCount", "pendingEntriesCount", "streamLength"}) == 1
        assert ("lagCount" in said) == ("activationLagCount" in said)


@pytest.mark.parametrize("name", SCALED)
def test_who_may_go_to_none_is_woken_by_whatever_lies_there(name: str) -> None:
    """Entries of a dead worker, or of a group that is gone, would wait for ever."""
    asleep = {
        scaled["metadata"]["name"]
        for scaled in of_kind(overlay(name), "ScaledObject")
        if scaled["spec"]["minReplicaCount"] == 0
    }
    by_length = {(target, said["stream"]) for target, said in triggers(name) if _length(said)}
    assert asleep == {INGESTOR}
    assert by_length == {(group, stream) for group, stream in slots(name) if group in asleep}


def _length(said: Object) -> bool:
    return "streamLength" in said and "consumerGroup" not in said  # with a group it is left out


@pytest.mark.parametrize("name", SCALED)
def test_who_is_scaled_says_no_number_of_its_own(name: str) -> None:
    """Each `kubectl apply` would set back what KEDA had decided."""
    pods = workloads(overlay(name))
    scaled = {
        item["spec"]["scaleTargetRef"]["name"] for item in of_kind(overlay(name), "ScaledObject")
    }
    assert {INGESTOR, EMBEDDER, RETRIEVER, GENERATOR} <= scaled
    assert [part for part in scaled if "replicas" in pods[part].object["spec"]] == []


def test_production_has_two_of_each_that_answers() -> None:
    """A node that goes would take the only one along."""
    least = {
        item["metadata"]["name"]: item["spec"]["minReplicaCount"]
        for item in of_kind(overlay("production"), "ScaledObject")
    }
    assert least == {INGESTOR: 0, EMBEDDER: 2, RETRIEVER: 2, GENERATOR: 2, "triton": 2}


@pytest.mark.parametrize("name", SCALED)
def test_all_tritons_have_room_for_all_generators(name: str) -> None:
    """More workers than rows in Triton would only wait at its door."""
    most = {
        item["metadata"]["name"]: item["spec"]["maxReplicaCount"]
        for item in of_kind(overlay(name), "ScaledObject")
    }
    variable = "RAGSTREAM_TRITON_GENERATOR_MAX_RUNNING"
    [default] = [s.default for s in read_settings("generator") if s.variable == variable]
    triton = environment(overlay(name), workloads(overlay(name))["triton"].main)
    rows = most.get("triton", 1) * int(triton.get(variable, default))
    [in_hand] = [count for (group, _), count in slots(name).items() if group == GENERATOR]
    assert most[GENERATOR] * in_hand <= rows
