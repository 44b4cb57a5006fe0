"""Passages in the order of a model that reads each beside the question."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from services.retriever.index import Reach
from services.retriever.selection import choose
from shared.messages import Generate, Hit, Query, StageTiming
from shared.triton import RERANKER, Triton


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranker:
    """The model in Triton and how much it reads.

    Attributes:
        triton: client of the models.
        candidates: passages that it reads.
        ticks: seconds on a clock that never goes back.
    """

    triton: Triton
    candidates: int
    ticks: Callable[[], float] = time.perf_counter

    def wider(self, reach: Reach) -> Reach:
        """The reach of a search that brings what is to be read."""
        most = max(self.candidates, reach.top_k)
        return replace(reach, top_k=most, candidates=max(most, reach.candidates))

    async def order(self, found: Generate, reach: Reach) -> Generate:
        """The best of what was found, by the model's scores, and how long that took.

        Raises:
            Outage, Overloaded, InferenceRefused: see `shared.triton.translate`.
        """
        begun = self.ticks()
        hits = await self._scored(found.query, found.hits)
        work = StageTiming(queue=0.0, work=round((self.ticks() - begun) * 1000, 2))
        return structs.replace(
            found,
            hits=choose(hits, top_k=reach.top_k, per_document=reach.most_of_one(found.query)),
            timings_ms={**found.timings_ms, RERANKER: work},
            models={**found.models, RERANKER: RERANKER},
        )

    async def _scored(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Best first; equal ones stay in order."""
        if not hits:
            return []
        texts = [hit.text for hit in hits]
        scores = await self.triton.rerank(query.question, texts, bulk=query.priority == "bulk")
        scored = [structs.replace(h, score=float(s)) for h, s in zip(hits, scores, strict=True)]
        return sorted(scored, key=lambda hit: -hit.score)
