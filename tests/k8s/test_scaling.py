"""KEDA looks at the streams and groups that the code reads, by the slots that a worker has."""

import pytest

from benchmarks.scaling import plans, results, study, times
from benchmarks.scaling.keda import Count, Scaled, Trigger
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
from tests.k8s.manifests import (
    ROOT,
    Object,
    amount,
    environment,
    of_kind,
    overlay,
    workloads,
)

SCALED = ("gpu", "production")
DOCS = ROOT / "docs" / "kubernetes.md"
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
        (EMBEDDER, names.embed): embedder.concurrency,
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


def counted(name: str, count: str) -> dict[tuple[str, str], int]:
    """What one worker is to have of each stage, by (group, stream)."""
    return {
        (said["consumerGroup"], said["stream"]): int(said[count])
        for target, said in triggers(name)
        if count in said and said["consumerGroup"] == target
    }


@pytest.mark.parametrize("name", SCALED)
def test_each_stage_is_scaled_by_what_waits_and_what_is_in_hand(name: str) -> None:
    """A stream that was renamed, or slots that were changed, would leave a stage to itself."""
    assert counted(name, "pendingEntriesCount") == slots(name)
    [lag] = [one.target for one in results.load().chosen[GENERATOR].triggers if one.count == "lag"]
    assert counted(name, "lagCount") == {**slots(name), (GENERATOR, "rag:generate"): lag}


def simulated_parts(name: str) -> dict[str, Scaled]:
    """The ScaledObjects as the simulation writes them, without what it does not simulate."""
    return {
        item["metadata"]["name"]: _scaled(item["spec"])
        for item in of_kind(overlay(name), "ScaledObject")
    }


def _scaled(spec: Object) -> Scaled:
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    given = {"polling_s": "pollingInterval", "cooldown_s": "cooldownPeriod"}
    return Scaled(
        least=spec["minReplicaCount"],
        most=spec["maxReplicaCount"],
        triggers=[one for trigger in spec["triggers"] if (one := _trigger(trigger))],
        window_s=behavior["scaleDown"]["stabilizationWindowSeconds"],
        **{name: int(spec[key]) for name, key in given.items() if key in spec},
    )


def _trigger(trigger: Object) -> Trigger | None:
    said = trigger["metadata"]
    if trigger["type"] == "prometheus":
        target = int(said["threshold"])
        waiting = "ragstream_generator_waiting_requests" in said["query"]
        return Trigger(of="triton", count="waiting", target=target) if waiting else None
    _, of = said["stream"].split(":")
    names: dict[str, Count] = {
        "lagCount": "lag",
        "pendingEntriesCount": "pending",
        "streamLength": "length",
    }
    [(key, count)] = [(key, count) for key, count in names.items() if key in said]
    if of in {"embed", "index"}:  # what documents lead to is not simulated
        return None
    return Trigger(of=of, count=count, target=int(said[key]))


def test_the_numbers_are_those_of_the_simulation() -> None:
    """The docs' table would speak of other ScaledObjects than there are."""
    assert simulated_parts("production") == results.load().chosen


def test_the_simulation_knows_the_slots_and_the_requests_of_the_pods() -> None:
    """It would count other costs, and fuller or emptier hands."""
    pods = workloads(overlay("production"))
    cores = {part: amount(pods[part].main["resources"]["requests"]["cpu"]) for part in plans.CORES}
    assert cores == pytest.approx(plans.CORES)
    known = {
        (part.name, f"rag:{part.stream}"): part.slots
        for part in (*plans.QUESTIONS, *plans.DOCUMENTS)
    }
    assert known.items() <= slots("production").items()
    assert rows_of_a_triton("production") == plans.ROWS


def test_the_committed_result_is_what_the_simulation_gives() -> None:
    """Its table would be of an earlier simulation."""
    committed, measured = results.load(), times.load()
    assert committed.rates == study.rates(measured)
    assert committed.stranded == study.stranded(measured)
    [row] = [one for one in committed.rows if (one.plan, one.trace) == (study.CHOSEN, "burst")]
    plan = {name: committed.chosen[name] for name in plans.BY_HAND}
    trace = study.trace("burst", committed.rates, committed.seed)
    assert study.judge(study.CHOSEN, trace, plan, measured, committed.seed)[0] == row
    assert results.table(committed.rows) in DOCS.read_text("utf-8")


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
    rows = most.get("triton", 1) * rows_of_a_triton(name)
    [in_hand] = [count for (group, _), count in slots(name).items() if group == GENERATOR]
    assert most[GENERATOR] * in_hand <= rows


def rows_of_a_triton(name: str) -> int:
    """How many questions one Triton runs at once."""
    variable = "RAGSTREAM_TRITON_GENERATOR_MAX_RUNNING"
    [default] = [s.default for s in read_settings("generator") if s.variable == variable]
    triton = environment(overlay(name), workloads(overlay(name))["triton"].main)
    return int(triton.get(variable, default))
