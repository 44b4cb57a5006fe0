"""Quality of every way to search, set by set."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.finding import peers
from benchmarks.finding.embedded import embedded
from benchmarks.finding.graded import graded
from benchmarks.finding.ours import MODES, Mode, Ours, Vectors, running
from benchmarks.finding.results import SetQuality
from benchmarks.finding.scores import DEPTH, quality
from benchmarks.finding.sets import Collection
from services.retriever.settings import RetrieverSettings


async def evaluate(
    one: Collection, report: Callable[[str], None], *, with_grader: bool = False
) -> SetQuality:
    """Search one set in every way."""
    cores, texts = len(os.sched_getaffinity(0)), [question.text for question in one.questions]
    report(f"{one.name}: embedding {len(one.passages)} passages, {len(texts)} questions")
    vectors, asked = embedded(one.passages, cores), embedded(texts, cores)
    report(f"{one.name}: searching")
    rankings = await _ours(one, vectors, asked, MODES)
    report(f"{one.name}: the same in int8")
    small = embedded(one.passages, cores, "int8"), embedded(texts, cores, "int8")
    rounded = await _ours(one, *small, ("dense", "hybrid"))
    rankings |= {f"{mode}_int8": found for mode, found in rounded.items()}
    rankings["bm25s"] = peers.bm25s_rankings(one.passages, texts)
    rankings["faiss_flat"] = peers.faiss_rankings(vectors, asked)
    rankings["langchain_ensemble"] = peers.langchain_rankings(one.passages, vectors, texts, asked)
    if with_grader:
        report(f"{one.name}: grading what the hybrid search found")
        rankings["hybrid_graded"] = graded(one, rankings["hybrid"])
    relevant = [question.relevant for question in one.questions]
    return SetQuality(
        passages=len(one.passages),
        questions=len(texts),
        ways={way: quality(found, relevant) for way, found in rankings.items()},
    )


async def _ours(
    one: Collection, vectors: Vectors, asked: Vectors, modes: Sequence[Mode]
) -> dict[str, list[list[int]]]:
    async with running(one.name, RetrieverSettings().candidates) as ours:
        await ours.load(one.passages, vectors)
        return {mode: await _asked(ours, one, asked, mode) for mode in modes}


async def _asked(ours: Ours, one: Collection, asked: Vectors, mode: Mode) -> list[list[int]]:
    return [
        await ours.search(question.text, vector, mode=mode, top_k=DEPTH)
        for question, vector in zip(one.questions, asked, strict=True)
    ]


def shortened(one: Collection, most: int) -> Collection:
    """The same set with its first questions alone."""
    return replace(one, questions=one.questions[:most])
