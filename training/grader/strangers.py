"""Passages of other questions that lie near to a question, for the grader to tell from its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def with_strangers(rows: Sequence[dict[str, Any]], embedder: Any, most: int) -> None:
    """Add `strangers` to rows: for the nearest passages of the same part, (row's index, near).

    Args:
        rows: of one set.
        embedder: of `served.open_embedder`.
        most: passages to keep for each row.
    """
    questions = embedder.vectors(embedder.encode([row["question"] for row in rows]))
    sentences = [one for row in rows for one in row["sentences"]]
    vectors = embedder.vectors(embedder.encode(sentences))
    owner = np.repeat(np.arange(len(rows)), [len(row["sentences"]) for row in rows])
    near = np.clip(questions @ vectors.T, 0, 1)
    for index, row in enumerate(rows):
        best = {
            other: float(near[index][owner == other].max())
            for other, theirs in enumerate(rows)
            if other != index and theirs["part"] == row["part"]
        }
        row["strangers"] = [
            {
                "sentences": rows[other]["sentences"],
                "near": [round(float(one), 4) for one in near[index][owner == other]],
            }
            for other in sorted(best, key=lambda one: -best[one])[:most]
        ]
