"""How throughput grows with a stage's workers, and how long a question takes among many chunks.

Model time is simulated: toy models that sleep, so that two cores can show what many machines would
do. What is measured is everything else: Redis, delivery, workers, the way to Triton and back.
"""

import asyncio
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.asking import stack, systems
from benchmarks.asking.setup import TOP_K
from benchmarks.finding import ours as finding
from benchmarks.finding import synthetic
from benchmarks.scaling.speeds import steady_per_s
from services.retriever.extent import Extents
from services.retriever.search import VECTORS
from shared.errors import RagstreamError
from shared.messages import Query
from shared.redis import connect
from shared.redis_url import full_url
from shared.streams import Namespace
from shared.triton import EMBEDDER, RERANKER, Triton
from tests.chaos.servers import MODELS
from tests.running_stack import Stack

COUNTS = (1, 2, 4)
NAMES = Namespace("rag")
_PER_WORKER, _QUICK_PER_WORKER = 40, 16
_PATIENCE_S = 180.0
_POLL_S = 0.05
_COUNTED_S = 11.0  # services/retriever/extent.py counts a collection every 10 s


@dataclass(frozen=True)
class Trial:
    """How a stage's model time is simulated.

    Attributes:
        stage: the worker.
        variables: of all workers and of the toys.
        max_tokens: of an answer.
        in_hand: entries of one worker of the stage.
        instances: of toys, by name: as many as are asked at once, so that what a request takes
            does not depend on who shares a batch with it.
    """

    stage: str
    variables: Mapping[str, str]
    max_tokens: int = 1
    in_hand: int = 2
    instances: Mapping[str, int] = field(default_factory=dict)


_WIDE = {f"RAGSTREAM_{part}_CONCURRENCY": "64" for part in ("EMBEDDER", "RETRIEVER", "GENERATOR")}
TRIALS = (
    # the generator embeds, too: twice for each question
    Trial("embedder", {"TOY_EMBEDDER_BATCH_MS": "400"}, instances={EMBEDDER: 32}),
    Trial(
        "retriever",
        {"TOY_RERANKER_BATCH_MS": "400", "RAGSTREAM_RETRIEVER_RERANK": "true"},
        instances={RERANKER: 8},
    ),
    # five seconds, as the default model takes on two cores with four at once
    Trial("generator", {"TOY_STEP_MS": "100"}, max_tokens=50, in_hand=4),
)


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """A stage's throughput.

    Attributes:
        stage: the worker's name.
        questions_per_s: by number of workers.
        ratios: over one worker's, by number of workers.
    """

    stage: str
    questions_per_s: dict[int, float]
    ratios: dict[int, float]


class AmongChunks(msgspec.Struct, frozen=True, kw_only=True):
    """One question at a time among so many chunks; model time is zero.

    Attributes:
        chunks: that are indexed.
        p50_ms: half of the answers came within so long.
        retriever_ms: median of the retriever's work.
    """

    chunks: int
    p50_ms: float
    retriever_ms: float


def by_workers(
    trials: Sequence[Trial],
    documents: Mapping[str, str],
    questions: Sequence[str],
    folder: Path,
    *,
    quick: bool,
) -> Iterator[Growth]:
    """Stages with one, two and four workers."""
    for trial in trials:
        models = toys(folder / f"{trial.stage}-models", trial.instances)
        own = {f"RAGSTREAM_{trial.stage.upper()}_CONCURRENCY": str(trial.in_hand)}
        variables = {**_WIDE, **trial.variables, **own}
        speeds = {}
        for count in COUNTS:
            data = folder / f"{trial.stage}-{count}"
            counts = {trial.stage: count}
            with stack.running(data, models, counts=counts, variables=variables) as running:
                asyncio.run(systems.ingest(running, documents))
                asked = count * (_QUICK_PER_WORKER if quick else _PER_WORKER)
                speeds[count] = asyncio.run(
                    _speed(running, trial, questions, asked, count * trial.in_hand)
                )
        yield grown(trial.stage, speeds)


def grown(stage: str, speeds: Mapping[int, float]) -> Growth:
    """What a stage's speeds say. Pure."""
    ratios = {count: speed / speeds[1] for count, speed in speeds.items()}
    return Growth(stage=stage, questions_per_s=dict(speeds), ratios=ratios)


def toys(folder: Path, instances: Mapping[str, int] | None = None) -> Path:
    """The toy models, the reranker among those that are built."""
    shutil.copytree(MODELS, folder)
    for name, count in (instances or {}).items():
        config = folder / name / "config.pbtxt"
        config.write_text(config.read_text().replace("count: 1", f"count: {count}"))
    (folder / RERANKER / "1" / "manifest.json").touch()
    return folder


async def _speed(
    running: Stack, trial: Trial, questions: Sequence[str], count: int, in_hand: int
) -> float:
    """Questions a second while all workers of the stage are busy."""
    async with running.client() as client:
        for number in range(count):
            asked = questions[number % len(questions)]
            await client.publish(Query(question=asked, max_tokens=trial.max_tokens, top_k=TOP_K))
        ids_ms = await _answers(running, count)
    return steady_per_s(ids_ms, in_hand)


async def _answers(running: Stack, count: int) -> list[int]:
    """When each answer came, by Redis's clock, in order."""
    deadline = time.monotonic() + _PATIENCE_S
    with running.redis() as redis:
        while redis.xlen(NAMES.answers) < count:
            if time.monotonic() > deadline:
                raise RagstreamError(f"{redis.xlen(NAMES.answers)} of {count} answers came")
            await asyncio.sleep(_POLL_S)
        return [int(entry_id.partition(b"-")[0]) for entry_id, _ in redis.xrange(NAMES.answers)]


def by_chunks(sizes: Sequence[int], questions: int, folder: Path) -> list[AmongChunks]:
    """One index that grows, asked at each size."""
    corpus = synthetic.make(max(sizes))
    toy = toys(folder / "models-by-size")
    variables = {"TOY_STEP_MS": "0", "TOY_DIM": str(synthetic.DIM)}
    with stack.running(folder / "sizes", toy, variables=variables) as running:
        return asyncio.run(_among(running, corpus, sizes, questions))


async def _among(
    running: Stack, corpus: synthetic.Synthetic, sizes: Sequence[int], questions: int
) -> list[AmongChunks]:
    state = running.state()
    password = (running.folder / "redis-password").read_text("utf-8").strip()
    redis = connect(full_url(state["redis_url"], password))
    index = finding.Ours(
        redis=redis,
        names=NAMES,
        candidates=TOP_K,
        vectors=VECTORS,
        extents=Extents(redis),
        model=await _toy_model(state["triton_url"]),
    )
    found, held = [], 0
    try:
        for size in sizes:
            texts = list(corpus.texts(held, size - held))
            await index.load(texts, corpus.vectors[held:size], first=held)
            held = size
            await asyncio.sleep(_COUNTED_S)  # until the retriever has counted them
            found.append(await _asked(running, corpus, size, questions))
    finally:
        await redis.aclose()
    return found


async def _toy_model(url: str) -> str:
    triton = Triton(url)
    try:
        return await triton.model_id(EMBEDDER)
    finally:
        await triton.close()


async def _asked(
    running: Stack, corpus: synthetic.Synthetic, size: int, questions: int
) -> AmongChunks:
    took, work = [], []
    async with running.client() as client:
        for words in corpus.questions(size, questions).words:
            begun = time.perf_counter()
            query = Query(question=words, collection=finding.COLLECTION, max_tokens=1, top_k=TOP_K)
            answer = await client.ask(query)
            if answer.error:
                raise RagstreamError(answer.error.message)
            took.append((time.perf_counter() - begun) * 1000)
            work.append(answer.timings_ms["retriever"].work)
    return AmongChunks(
        chunks=size, p50_ms=statistics.median(took), retriever_ms=statistics.median(work)
    )
