"""How fast a search is as the index grows, and how much of the truth it finds."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

from benchmarks.figures import percentile
from benchmarks.finding.hnsw_peers import PEERS, Numbers, true_nearest
from benchmarks.finding.ours import Mode, Ours, running
from benchmarks.finding.results import Latency, SizeSpeed, speed_line
from benchmarks.finding.scores import DEPTH, neighbours_found
from benchmarks.finding.synthetic import Synthetic, make
from services.retriever.search import VectorIndex
from services.retriever.settings import RetrieverSettings

CLIENTS = (1, 8, 32)
_PIECE = 10_000  # chunks made at once
_MODES: tuple[Mode, ...] = ("dense", "hybrid")
Ask = Callable[[int], Awaitable[list[int]]]
"""Answers the question of a number with the numbers of chunks, best first."""
Report = Callable[[str], None]


async def measure(
    chunks: int, questions: int, vectors: VectorIndex, report: Report
) -> list[SizeSpeed]:
    """Ours and the peers with the same vectors, asked the same questions in the same order."""
    corpus = make(chunks, questions)
    truth = true_nearest(corpus.vectors, corpus.asked)
    rows = await _ours(corpus, truth, vectors, report)
    for name, open_peer in PEERS.items():
        begun = time.perf_counter()
        look_up = open_peer(corpus.vectors, vectors)
        load_s = time.perf_counter() - begun

        async def ask(number: int, look_up: Numbers = look_up) -> list[int]:
            return await asyncio.to_thread(look_up, corpus.asked[number])

        rows.append(await _asked(name, ask, truth, load_s=load_s))
        report(speed_line(chunks, rows[-1]))
    return rows


async def _ours(
    corpus: Synthetic, truth: list[list[int]], vectors: VectorIndex, report: Report
) -> list[SizeSpeed]:
    chunks, rows = len(corpus.vectors), []
    async with running(f"s{chunks}", RetrieverSettings().candidates, vectors) as ours:
        before, begun = await ours.used_bytes(), time.perf_counter()
        await _fill(ours, corpus)
        load_s, each = time.perf_counter() - begun, (await ours.used_bytes() - before) / chunks
        for mode in _MODES:

            async def ask(number: int, mode: Mode = mode) -> list[int]:
                question, vector = corpus.questions[number], corpus.asked[number]
                return await ours.search(question, vector, mode=mode, top_k=DEPTH)

            name = f"ragstream {mode}"
            rows.append(await _asked(name, ask, truth, load_s=load_s, bytes_per_chunk=each))
            report(speed_line(chunks, rows[-1]))
    return rows


async def _fill(ours: Ours, corpus: Synthetic) -> None:
    for at in range(0, len(corpus.vectors), _PIECE):
        part = corpus.vectors[at : at + _PIECE]
        await ours.load(list(corpus.texts(at, len(part))), part, first=at)


async def _asked(
    name: str, ask: Ask, truth: list[list[int]], *, load_s: float, bytes_per_chunk: float = 0.0
) -> SizeSpeed:
    found = [await ask(number) for number in range(len(truth))]  # a warm-up at the same time
    return SizeSpeed(
        system=name,
        recall10=neighbours_found(found, truth),
        load_s=load_s,
        bytes_per_chunk=bytes_per_chunk,
        latencies=[await closed_loop(ask, len(truth), clients) for clients in CLIENTS],
    )


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
