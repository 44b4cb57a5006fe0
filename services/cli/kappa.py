"""How far raters agree on labels, chance taken away, and what most of them say. Pure."""

from collections import Counter
from collections.abc import Sequence


def agreement(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Share of the places at which two raters give the same label; None without any place."""
    if not first:
        return None
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first)


def kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Cohen's kappa of two raters, at most 1.

    Args:
        first: a label for each place.
        second: the other rater's, of the same length.

    Returns:
        None where it is not defined: without a place, or where both gave one and the same label
        everywhere, so that chance alone explains it.
    """
    observed = agreement(first, second)
    if observed is None:
        return None
    ours, theirs, places = Counter(first), Counter(second), len(first)
    by_chance = sum(ours[label] * theirs[label] for label in ours) / places**2
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def vote(labels: Sequence[str]) -> str | None:
    """The label that more than half of an odd number of raters gave; None if none has that."""
    label, count = Counter(labels).most_common(1)[0]
    return label if 2 * count > len(labels) else None
