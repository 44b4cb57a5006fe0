"""Weighted reciprocal rank fusion of several rankings. Pure."""

from collections.abc import Mapping, Sequence

# Both were chosen with `python -m benchmarks.retrieval`: docs/retrieval.md has the grid. The 60 of
# Cormack, Clarke and Büttcher (SIGIR 2009), made for many rankings of like quality, let BM25 pull
# the hybrid below dense search alone on every set.
K = 3
DENSE_WEIGHT = 0.7
LEXICAL_WEIGHT = 0.3


def fuse(rankings: Sequence[tuple[float, Sequence[str]]], *, k: int = K) -> Mapping[str, float]:
    """Fuse rankings by `score(d) = sum of weight / (k + rank of d)`, ranks from 1.

    Args:
        rankings: weights above 0, and ids, best first, none twice.
        k: constant that dampens the first ranks, above 0.

    Returns:
        Scores by id, best first; equal scores in the order of their ids, so that the result
        does not depend on the order of the rankings.
    """
    scores: dict[str, list[float]] = {}
    for weight, ranking in rankings:
        for rank, found in enumerate(ranking, start=1):
            scores.setdefault(found, []).append(weight / (k + rank))
    # sorted before summed: floating point addition must not depend on the rankings' order
    totals = {found: sum(sorted(parts)) for found, parts in scores.items()}
    return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))
