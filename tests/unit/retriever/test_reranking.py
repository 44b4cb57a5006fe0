"""Passages in the order of a reranker."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from services.retriever.index import Reach
from services.retriever.reranking import Reranker
from shared.messages import Generate, Hit, Query
from shared.triton import Triton


class Lengths:
    """Takes longer passages for better ones."""

    async def rerank(self, _question: str, texts: Sequence[str], *, bulk: bool = False) -> Any:
        assert bulk
        return np.array([len(text) / 100 for text in texts], np.float32)


def hit(number: int, text: str, document: str) -> Hit:
    return Hit(chunk_id=str(number), document_id=document, text=text, score=1.0)


def reranker() -> Reranker:
    ticks = iter([1.0, 1.5])
    return Reranker(triton=cast("Triton", Lengths()), candidates=4, ticks=lambda: next(ticks))


async def test_the_best_of_many_come_first_with_their_time() -> None:
    """The model's order would be lost, one document would take all places, or time be hidden."""
    texts = [("one", "a"), ("two words here", "b"), ("now five words are here", "b")]
    hits = tuple(hit(number, *one) for number, one in enumerate(texts))
    query = Query(question="q", priority="bulk")
    reach = Reach(top_k=2, candidates=3, per_document=1)
    found = Generate(query=query, hits=hits, accepted_ms=0)
    ordered = await reranker().order(found, reach)
    assert [one.chunk_id for one in ordered.hits] == ["2", "0"]
    assert ordered.timings_ms["reranker"].work == 500
    assert ordered.models == {"reranker": "reranker"}


def test_a_search_brings_what_is_to_be_read() -> None:
    """The model would choose among the few that fusion had chosen already."""
    assert reranker().wider(Reach(top_k=2, candidates=3, per_document=1)) == Reach(
        top_k=4, candidates=4, per_document=1
    )


async def test_nothing_found_is_not_asked_about() -> None:
    """Triton refuses an empty request, and the question would fail."""
    found = Generate(query=Query(question="q"), hits=(), accepted_ms=0)
    ordered = await reranker().order(found, Reach(top_k=2, candidates=3, per_document=1))
    assert ordered.hits == ()
