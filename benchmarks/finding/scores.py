"""How good rankings are. Pure."""

import math
import statistics
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import msgspec

DEPTH = 10
RECALL_DEPTH = 5


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Means over a set's questions, each 0..1.

    Attributes:
        ndcg10: normalised discounted cumulative gain of the first ten.
        recall5: share of the relevant passages among the first five, of at most five.
        mrr: 1 / rank of the first relevant passage, 0 where it is not among the first ten.
    """

    ndcg10: float
    recall5: float
    mrr: float


def quality(rankings: Sequence[Sequence[int]], relevant: Sequence[AbstractSet[int]]) -> Quality:
    """Judge one ranking a question.

    Args:
        rankings: passages, best first, none twice.
        relevant: at least one for each question.
    """
    pairs = list(zip(rankings, relevant, strict=True))
    return Quality(
        ndcg10=statistics.fmean(ndcg(found, right) for found, right in pairs),
        recall5=statistics.fmean(recall(found, right) for found, right in pairs),
        mrr=statistics.fmean(reciprocal_rank(found, right) for found, right in pairs),
    )


def ndcg(ranking: Sequence[int], relevant: AbstractSet[int]) -> float:
    """Gain of the relevant among the first ten over the most that could be there."""
    gains = (
        1 / math.log2(rank + 1) for rank, at in enumerate(ranking[:DEPTH], 1) if at in relevant
    )
    most = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(relevant), DEPTH) + 1))
    return sum(gains) / most


def recall(ranking: Sequence[int], relevant: AbstractSet[int]) -> float:
    """Share of the relevant that stand among the first five, of those that could."""
    found = len(relevant & set(ranking[:RECALL_DEPTH]))
    return found / min(len(relevant), RECALL_DEPTH)


def reciprocal_rank(ranking: Sequence[int], relevant: AbstractSet[int]) -> float:
    """1 / rank of the first relevant one among the first ten, or 0."""
    ranks = (rank for rank, at in enumerate(ranking[:DEPTH], 1) if at in relevant)
    return 1 / next(ranks, math.inf)


def neighbours_found(found: Sequence[Sequence[int]], truth: Sequence[Sequence[int]]) -> float:
    """Share of the true nearest neighbours that were found, over all questions."""
    hits = sum(len(set(one) & set(right)) for one, right in zip(found, truth, strict=True))
    return hits / sum(len(right) for right in truth)
