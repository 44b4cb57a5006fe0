"""Figures by which the grader is judged. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def auc(scores: Sequence[float], truth: Sequence[float]) -> float:
    """Area under the ROC curve: how often an answerable text scores above an unanswerable one."""
    values, labels = np.asarray(scores), np.asarray(truth) > 0
    above = values[labels][:, None] - values[~labels][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def hits(
    support: Sequence[Sequence[float | None]], rows: Sequence[Mapping[str, Any]], most: int
) -> float:
    """Share of answerable rows with a gold sentence among the `most` best supported."""
    found = [
        any(row["gold"][place] for place in best(one, most))
        for one, row in zip(support, rows, strict=True)
        if row["answerable"] == 1 and row["gold"] and any(row["gold"])
    ]
    return sum(found) / len(found)


def best(support: Sequence[float | None], most: int) -> list[int]:
    """Places of the best supported sentences, best first."""
    scored = [(value, place) for place, value in enumerate(support) if value is not None]
    return [place for _, place in sorted(scored, key=lambda one: -one[0])[:most]]


def abstention(
    scores: Sequence[float], truth: Sequence[float], threshold: float
) -> tuple[float, float]:
    """Precision and recall of abstaining below a threshold."""
    abstained = np.asarray(scores) < threshold
    none = np.asarray(truth) == 0
    both = (abstained & none).sum()
    return float(both / max(1, abstained.sum())), float(both / max(1, none.sum()))


def calibration_curve(
    scores: Sequence[float], truth: Sequence[float], bins: int = 10
) -> list[tuple[float, float, int]]:
    """Mean probability, share that came true, and count, of each equal bin that has any."""
    values, labels = np.asarray(scores), np.asarray(truth)
    place = np.minimum((values * bins).astype(int), bins - 1)
    parts = [place == one for one in range(bins) if (place == one).any()]
    return [(float(values[at].mean()), float(labels[at].mean()), int(at.sum())) for at in parts]


def calibration_error(scores: Sequence[float], truth: Sequence[float], bins: int = 10) -> float:
    """Mean distance of a probability from the share that it foretells, over equal bins."""
    curve = calibration_curve(scores, truth, bins)
    return sum(abs(said - came) * count for said, came, count in curve) / len(scores)
