"""What the fusion's constants do to a set's quality."""

import os
from collections.abc import Callable

from benchmarks.finding.embedded import embedded
from benchmarks.finding.ours import Mode, running
from benchmarks.finding.scores import DEPTH, quality
from benchmarks.finding.sets import Collection
from services.retriever.fusion import fuse

KS = (1, 3, 10, 60)
WEIGHTS = (0.5, 0.6, 0.7, 0.8)
CANDIDATES = (20, 50, 100)
_MODES: tuple[Mode, ...] = ("dense", "bm25")
Rankings = list[list[str]]


async def grid(one: Collection, report: Callable[[str], None]) -> None:
    """Say nDCG@10 for every number of candidates, weight of the dense search, and k."""
    dense, lexical = await _rankings(one)
    for candidates in CANDIDATES:
        for weight in WEIGHTS:
            found = [
                _ndcg10(one, dense, lexical, k=k, weight=weight, candidates=candidates) for k in KS
            ]
            figures = "  ".join(f"k={k} {ndcg:.4f}" for k, ndcg in zip(KS, found, strict=True))
            report(f"{one.name:9}  candidates {candidates:3}  dense {weight:.1f}  {figures}")


async def _rankings(one: Collection) -> list[Rankings]:
    """Dense and BM25 alone, as deep as any candidates."""
    cores, most = len(os.sched_getaffinity(0)), max(CANDIDATES)
    asked = embedded([question.text for question in one.questions], cores)
    async with running(one.name, most) as ours:
        await ours.load(one.passages, embedded(one.passages, cores))
        return [
            [
                [str(at) for at in await ours.search(q.text, vector, mode=mode, top_k=most)]
                for q, vector in zip(one.questions, asked, strict=True)
            ]
            for mode in _MODES
        ]


def _ndcg10(
    one: Collection,
    dense: Rankings,
    lexical: Rankings,
    *,
    k: int,
    weight: float,
    candidates: int,
) -> float:
    found = []
    for by_vector, by_words in zip(dense, lexical, strict=True):
        pair = [(weight, by_vector[:candidates]), (1 - weight, by_words[:candidates])]
        found.append([int(place) for place in list(fuse(pair, k=k))[:DEPTH]])
    return quality(found, [question.relevant for question in one.questions]).ndcg10
