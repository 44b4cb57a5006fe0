"""Reciprocal rank fusion of several rankings. Pure."""

from collections.abc import Mapping, Sequence

# Cormack, Clarke, Büttcher (SIGIR 2009), "Reciprocal Rank Fusion outperforms Condorcet and
# individual Rank Learning Methods", found 60 to work without tuning.
K = 60


def fuse(rankings: Sequence[Sequence[str]], *, k: int = K) -> Mapping[str, float]:
    """Fuse rankings by `score(d) = sum over rankings of 1 / (k + rank of d)`, ranks from 1.

    Args:
        rankings: each a list of ids, best first, none twice.
        k: constant that dampens the first ranks, above 0.

    Returns:
        Scores by id, best first; equal scores in the order of their ids, so that the result
        does not depend on the order of the rankings.
    """
    scores: dict[str, list[float]] = {}
    for ranking in rankings:
        for rank, found in enumerate(ranking, start=1):
            scores.setdefault(found, []).append(1.0 / (k + rank))
    # sorted before summed: floating point addition must not depend on the rankings' order
    totals = {found: sum(sorted(parts)) for found, parts in scores.items()}
    return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))
