"""How fast a search is as the index grows, and how much of the truth it finds."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from benchmarks.figures import percentile
from benchmarks.finding.hnsw_peers import PEERS, Peer, true_nearest
from benchmarks.finding.ours import Mode, Ours, running
from benchmarks.finding.results import Latency, SizeSpeed
from benchmarks.finding.scores import DEPTH, neighbours_found
from benchmarks.finding.synthetic import DIM, Questions, Synthetic, make
from benchmarks.finding.trial import Trial
from services.retriever.settings import RetrieverSettings

CLIENTS = (1, 8, 32)
_PIECE = 10_000  # chunks made at once
_HYBRID_QUESTIONS = 200  # BM25 grows with the index: more would take hours at a million
Ask = Callable[[int], Awaitable[list[int]]]
"""Answers the question of a number with the numbers of chunks, best first."""


async def measure(sizes: Sequence[int], trial: Trial) -> AsyncIterator[tuple[int, SizeSpeed]]:
    """Ours and the peers with the same vectors, growing from size to size.

    Yields:
        A size and what one system shows there.
    """
    corpus = make(max(sizes))
    systems = [_Grown(name, open_peer(DIM, trial.vectors)) for name, open_peer in PEERS.items()]
    async with running("speed", RetrieverSettings().candidates, trial.vectors) as ours:
        systems.insert(0, _Grown("ragstream", ours))
        for size in sorted(sizes):
            asked = corpus.questions(size, trial.questions)
            task = _Task(corpus, asked, true_nearest(corpus.vectors[:size], asked.vectors))
            for system in systems:
                await system.grow(corpus, size)
                async for row in system.judged(task, trial):
                    yield size, row


@dataclass(frozen=True, slots=True)
class _Task:
    """Questions to ask, and the ten true nearest chunks of each."""

    corpus: Synthetic
    asked: Questions
    truth: list[list[int]]


@dataclass(slots=True)
class _Grown:
    """A system and what it has taken in.

    Attributes:
        name: of the system.
        index: ours or a peer's.
        chunks: in it.
        load_s: it took so far, in all.
        empty_bytes: memory of our server before the first chunk.
    """

    name: str
    index: Ours | Peer
    chunks: int = 0
    load_s: float = 0.0
    empty_bytes: int = 0

    async def grow(self, corpus: Synthetic, size: int) -> None:
        """Take in chunks up to a size."""
        if isinstance(self.index, Ours) and not self.chunks:
            self.empty_bytes = await self.index.used_bytes()
        begun = time.perf_counter()
        for at in range(self.chunks, size, _PIECE):
            part = corpus.vectors[at : min(at + _PIECE, size)]
            if isinstance(self.index, Ours):
                await self.index.load(list(corpus.texts(at, len(part))), part, first=at)
            else:
                self.index.add(part)
        self.load_s += time.perf_counter() - begun
        self.chunks = size

    async def judged(self, task: _Task, trial: Trial) -> AsyncIterator[SizeSpeed]:
        """Ask in every way that there is."""
        default, each = trial.vectors.ef_runtime, 0.0
        ways: list[tuple[str, int]] = [("", ef) for ef in (default, *trial.efs)]
        if isinstance(self.index, Ours):
            each = (await self.index.used_bytes() - self.empty_bytes) / self.chunks
            ways = [("dense", default), ("hybrid", default), *(("dense", ef) for _, ef in ways[1:])]
        for mode, ef in ways:
            truth = task.truth[:_HYBRID_QUESTIONS] if mode == "hybrid" else task.truth
            row = SizeSpeed(
                system=f"{self.name} {mode}".strip(),
                load_s=self.load_s,
                bytes_per_chunk=each,
                ef=ef,
            )
            yield await _asked(row, self._ask(task, mode, ef), truth, trial)

    def _ask(self, task: _Task, mode: str, ef: int) -> Ask:
        index, words, vectors = self.index, task.asked.words, task.asked.vectors
        if isinstance(index, Ours):
            like = replace(index, vectors=replace(index.vectors, ef_runtime=ef))
            way: Mode = "hybrid" if mode == "hybrid" else "dense"

            async def ask(number: int) -> list[int]:
                return await like.search(words[number], vectors[number], mode=way, top_k=DEPTH)

            return ask

        async def ask_peer(number: int) -> list[int]:
            return await asyncio.to_thread(index.nearest, vectors[number], ef)

        return ask_peer


async def _asked(row: SizeSpeed, ask: Ask, truth: list[list[int]], trial: Trial) -> SizeSpeed:
    """The row with what asking shows."""
    clients = CLIENTS if row.ef == trial.vectors.ef_runtime else (1,)
    with trial.alone():
        found = [await ask(number) for number in range(len(truth))]  # a warm-up at the same time
        latencies = [await closed_loop(ask, len(truth), count) for count in clients]
    return structs.replace(row, recall10=neighbours_found(found, truth), latencies=latencies)


async def closed_loop(ask: Ask, questions: int, clients: int) -> Latency:
    """Ask every question once, by so many clients together."""
    waits_ms: list[float] = []
    numbers = itertools.count()

    async def client() -> None:
        while (number := next(numbers)) < questions:
            begun = time.perf_counter()
            await ask(number)
            waits_ms.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - begun
    waits_ms.sort()
    return Latency(
        clients=clients,
        p50_ms=percentile(waits_ms, 50),
        p99_ms=percentile(waits_ms, 99),
        per_s=questions / seconds,
    )
