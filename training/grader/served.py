"""Rows through the grader as it is served: the product's own code on the built model."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.generator import answerability
from services.generator.answerability import Signs

REPOSITORY = Path(__file__).parents[2] / "model_repository"
AT_ONCE = 64
Row = Mapping[str, Any]


def open_grader(folder: Path) -> Any:
    """The Triton model's grader, without Triton."""
    sys.path[:0] = [str(REPOSITORY / name / "1") for name in ("grader", "embedder")]
    from grading import Grader  # noqa: PLC0415 - found only now

    return Grader(folder, threads=2, batch_tokens=4096)


def open_embedder(folder: Path) -> Any:
    """The Triton model's embedder, without Triton."""
    sys.path.insert(0, str(REPOSITORY / "embedder" / "1"))
    from embedding import Embedder  # noqa: PLC0415 - found only now

    return Embedder(folder, threads=2, batch_tokens=4096)


def with_similarities(rows: Sequence[dict[str, Any]], embedder: Any) -> None:
    """Add `near` to rows: the cosine of each sentence to its row's question, cut to 0..1."""
    texts = sorted({one for row in rows for one in [row["question"], *row["sentences"]]})
    place = {text: index for index, text in enumerate(texts)}
    vectors = embedder.vectors(embedder.encode(texts))
    for row in rows:
        question = vectors[place[row["question"]]]
        theirs = vectors[[place[one] for one in row["sentences"]]]
        row["near"] = [round(float(one), 4) for one in np.clip(theirs @ question, 0, 1)]


def supports(grader: Any, rows: Sequence[Row]) -> list[list[float]]:
    """The support of each sentence of a row, NaN where it found no room."""
    return [support for _, _, support in _graded(grader, rows)]


def graded(grader: Any, rows: Sequence[Row]) -> Iterator[Signs]:
    """The signs of each row."""
    for row, answer, support in _graded(grader, rows):
        yield answerability.signs(row["question"], row["sentences"], row["near"], answer, support)


def _graded(grader: Any, rows: Sequence[Row]) -> Iterator[tuple[Row, float, list[float]]]:
    """Each row, the highest answer of a window of it, and its sentences' support."""
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        windows = [answerability.windows(row["sentences"], row["near"]) for row in part]
        questions = [row["question"] for row, mine in zip(part, windows, strict=True) for _ in mine]
        texts = [
            "\n".join(row["sentences"][index] for index in window)
            for row, mine in zip(part, windows, strict=True)
            for window in mine
        ]
        grades = iter(grader.grades(questions, texts))
        for row, mine in zip(part, windows, strict=True):
            found = [next(grades) for _ in mine]
            support = (one.support.tolist() for one in found)
            spread = answerability.spread(mine, support, len(row["sentences"]))
            yield row, max(one.answer for one in found), spread
