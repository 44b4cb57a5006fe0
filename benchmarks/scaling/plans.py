"""How parts are scaled: what is compared, and what the ScaledObjects of production begin from."""

import itertools
from collections.abc import Iterator, Mapping

from benchmarks.scaling.keda import Scaled, Trigger, fixed
from benchmarks.scaling.world import TRITON, Part
from services.embedder.app import GROUP as EMBEDDER
from services.embedder.settings import EmbedderSettings
from services.generator.app import GROUP as GENERATOR
from services.generator.settings import GeneratorSettings
from services.ingestor.app import GROUP as INGESTOR
from services.retriever.app import GROUP as RETRIEVER
from services.retriever.settings import RetrieverSettings
from shared.settings import load

# What a pod requests, in cores: a test holds it to the manifests.
CORES = {INGESTOR: 0.5, EMBEDDER: 0.1, RETRIEVER: 0.1, GENERATOR: 0.1, TRITON: 2.0}
LEAST = 2  # of each part that answers, so that a node may go
MOST_TRITONS = 4
ROWS = 16  # RAGSTREAM_TRITON_GENERATOR_MAX_RUNNING
INGESTOR_SLOTS = 2  # as bases/ingestor says

QUESTIONS = (
    Part(name=EMBEDDER, stream="queries", slots=load(EmbedderSettings, {}).concurrency),
    Part(name=RETRIEVER, stream="retrieve", slots=load(RetrieverSettings, {}).concurrency),
    Part(
        name=GENERATOR,
        stream="generate",
        slots=load(GeneratorSettings, {}).concurrency,
        on_triton=True,
    ),
)
DOCUMENTS = (Part(name=INGESTOR, stream="documents", slots=INGESTOR_SLOTS),)

Plan = Mapping[str, Scaled]


def by_stream(part: Part, lag: int, *, most: int, window_s: int, least: int = LEAST) -> Scaled:
    """Two triggers: what waits by `lag`, what is in hand by the slots of one worker."""
    triggers = [
        Trigger(of=part.stream, count="lag", target=lag),
        Trigger(of=part.stream, count="pending", target=part.slots),
    ]
    return Scaled(least=least, most=most, triggers=triggers, window_s=window_s)


def questions(
    *, lag: int, window_s: int, waiting: int, ahead: bool, triton_window_s: int
) -> dict[str, Scaled]:
    """A plan for the parts that answer.

    Args:
        lag: questions of `generate` that wait, for each generator.
        window_s: for which the workers' highest wish counts.
        waiting: questions without a row, for each Triton.
        ahead: Triton follows the stream as well, so that it need not wait for the generators.
        triton_window_s: as `window_s`, of Triton.
    """
    embedder, retriever, generator = QUESTIONS
    triggers = [Trigger(of=TRITON, count="waiting", target=waiting)]
    if ahead:
        triggers += by_stream(generator, ROWS, most=1, window_s=0).triggers
        triggers[-1] = Trigger(of=generator.stream, count="pending", target=ROWS)
    return {
        EMBEDDER: by_stream(embedder, embedder.slots, most=4, window_s=window_s),
        RETRIEVER: by_stream(retriever, retriever.slots, most=4, window_s=window_s),
        GENERATOR: by_stream(
            generator, lag, most=MOST_TRITONS * ROWS // generator.slots, window_s=window_s
        ),
        TRITON: Scaled(least=LEAST, most=MOST_TRITONS, triggers=triggers, window_s=triton_window_s),
    }


BY_HAND: Plan = questions(lag=8, window_s=300, waiting=8, ahead=False, triton_window_s=600)


def candidates() -> Iterator[dict[str, Scaled]]:
    """Every plan for questions that is tried. Of equals the first is taken: what was before.

    No window is shorter than two minutes: so long it may take until a Triton has started and all
    workers know it.
    """
    for lag, window_s, waiting, ahead, triton_window_s in itertools.product(
        (8, 4), (300, 120), (8,), (False, True), (600, 300, 120)
    ):
        yield questions(
            lag=lag,
            window_s=window_s,
            waiting=waiting,
            ahead=ahead,
            triton_window_s=triton_window_s,
        )


def fixed_plan(tritons: int) -> dict[str, Scaled]:
    """So many Tritons all the time, and as many generators as fill them."""
    generators = tritons * ROWS // QUESTIONS[-1].slots
    counts = {EMBEDDER: LEAST, RETRIEVER: LEAST, GENERATOR: generators, TRITON: tritons}
    return {name: fixed(count) for name, count in counts.items()}


def documents(*, polling_s: int, cooldown_s: int, window_s: int) -> dict[str, Scaled]:
    """The ingestor, which may go to none; by the stream's length, too, so that all wakes it."""
    [part] = DOCUMENTS
    triggers = [
        Trigger(of=part.stream, count=count, target=part.slots)
        for count in ("lag", "pending", "length")
    ]
    return {
        INGESTOR: Scaled(
            least=0,
            most=8,
            triggers=triggers,
            window_s=window_s,
            polling_s=polling_s,
            cooldown_s=cooldown_s,
        )
    }


DOCUMENTS_BY_HAND: Plan = documents(polling_s=5, cooldown_s=300, window_s=300)


def document_candidates() -> Iterator[dict[str, Scaled]]:
    """Every plan for documents that is tried."""
    for polling_s, cooldown_s, window_s in itertools.product(
        (5, 15, 30), (30, 60, 120, 300), (60, 300)
    ):
        yield documents(polling_s=polling_s, cooldown_s=cooldown_s, window_s=window_s)
