"""How fast a search is as the index grows, and how much of the truth it finds."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

from msgspec import structs

from benchmarks.figures import percentile
from benchmarks.finding.hnsw_peers import PEERS, Numbers, true_nearest
from benchmarks.finding.ours import Mode, Ours, running
from benchmarks.finding.results import Latency, SizeSpeed
from benchmarks.finding.scores import DEPTH, neighbours_found
from benchmarks.finding.synthetic import Synthetic, make
from benchmarks.finding.trial import Trial
from services.retriever.settings import RetrieverSettings

CLIENTS = (1, 8, 32)
_PIECE = 10_000  # chunks made at once
_HYBRID_QUESTIONS = 200  # BM25 grows with the index: more would take hours at a million
Ask = Callable[[int], Awaitable[list[int]]]
"""Answers the question of a number with the numbers of chunks, best first."""


async def measure(chunks: int, trial: Trial) -> AsyncIterator[SizeSpeed]:
    """Ours and the peers with the same vectors, asked the same questions in the same order."""
    corpus = make(chunks, trial.questions)
    truth = true_nearest(corpus.vectors, corpus.asked)
    async for row in _ours(corpus, truth, trial):
        yield row
    for name, open_peer in PEERS.items():
        begun = time.perf_counter()
        look_up = open_peer(corpus.vectors, trial.vectors)
        row = SizeSpeed(system=name, load_s=time.perf_counter() - begun)
        asking = partial(_ask_peer, corpus, look_up)
        for ef in (trial.vectors.ef_runtime, *trial.efs):
            yield await _asked(row, ef, partial(asking, ef), truth, trial)


async def _ask_peer(corpus: Synthetic, look_up: Numbers, ef: int, number: int) -> list[int]:
    return await asyncio.to_thread(look_up, corpus.asked[number], ef)


async def _ours(
    corpus: Synthetic, truth: list[list[int]], trial: Trial
) -> AsyncIterator[SizeSpeed]:
    chunks, default = len(corpus.vectors), trial.vectors.ef_runtime
    async with running(f"s{chunks}", RetrieverSettings().candidates, trial.vectors) as ours:
        before, begun = await ours.used_bytes(), time.perf_counter()
        await _fill(ours, corpus)
        loaded_s, used = time.perf_counter() - begun, await ours.used_bytes() - before
        row = SizeSpeed(system="", load_s=loaded_s, bytes_per_chunk=used / chunks)
        modes: list[tuple[Mode, int]] = [("dense", default), ("hybrid", default)]
        modes += [("dense", ef) for ef in trial.efs]
        for mode, ef in modes:
            named = _named(row, f"ragstream {mode}")
            like = replace(ours, vectors=replace(trial.vectors, ef_runtime=ef))
            asked = truth[:_HYBRID_QUESTIONS] if mode == "hybrid" else truth
            yield await _asked(named, ef, partial(_ask_ours, corpus, like, mode), asked, trial)


async def _ask_ours(corpus: Synthetic, ours: Ours, mode: Mode, number: int) -> list[int]:
    question, vector = corpus.questions[number], corpus.asked[number]
    return await ours.search(question, vector, mode=mode, top_k=DEPTH)


async def _fill(ours: Ours, corpus: Synthetic) -> None:
    for at in range(0, len(corpus.vectors), _PIECE):
        part = corpus.vectors[at : at + _PIECE]
        await ours.load(list(corpus.texts(at, len(part))), part, first=at)


def _named(row: SizeSpeed, system: str) -> SizeSpeed:
    return structs.replace(row, system=system)


async def _asked(
    row: SizeSpeed, ef: int, ask: Ask, truth: list[list[int]], trial: Trial
) -> SizeSpeed:
    """The row with what asking shows."""
    clients = CLIENTS if ef == trial.vectors.ef_runtime else (1,)
    with trial.alone():
        found = [await ask(number) for number in range(len(truth))]  # a warm-up at the same time
        latencies = [await closed_loop(ask, len(truth), count) for count in clients]
    recall = neighbours_found(found, truth)
    return structs.replace(row, ef=ef, recall10=recall, latencies=latencies)


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
