"""Runs the grader's graph: questions and texts in, probabilities out."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from embedder_session import CPU, open_session
from numpy.typing import NDArray
from pairs import Limits, Pair, PairTokenizer, laid_in_rows
from token_batches import batches

INPUTS = ("input_ids", "attention_mask", "spans")
OUTPUTS = ["answer", "support"]


@dataclass(frozen=True, kw_only=True)
class GraderInfo:
    """What of `model.json` running needs; the builder's `GraderInfo` explains each field."""

    max_tokens: int
    question_tokens: int
    line_tokens: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a built model's `model.json`.

        Raises:
            FileNotFoundError: the model was never built; says how to.
        """
        path = folder / "model.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: run `ragstream models build` first")
        known = json.loads(path.read_bytes())
        return cls(**{field: known[field] for field in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Grade:
    """What the model makes of one text.

    Attributes:
        answer: probability that it answers the question.
        support: of each line, 0..1; NaN for a line that was not read.
    """

    answer: float
    support: NDArray[np.float32]


class Grader:
    """A graph, its tokenizer and how to run them.

    On a CPU each pair is a run of its own, as in the embedder; a GPU wants batches.

    Args:
        folder: a built model's version folder.
        threads: pairs at once, on the CPU.
        batch_tokens: most tokens of one run on a GPU, padding included.
    """

    def __init__(self, folder: Path, threads: int, batch_tokens: int) -> None:
        info = GraderInfo.read(folder)
        limits = Limits(pair=info.max_tokens, question=info.question_tokens, line=info.line_tokens)
        self._tokenizer = PairTokenizer(str(folder / "tokenizer.json"), limits)
        self._session = open_session(folder / "model.onnx", threads=1)
        self._alone = self._session.get_providers()[0] == CPU
        self._pool = ThreadPoolExecutor(threads if self._alone else 1)
        self._batch_tokens = batch_tokens

    def grades(self, questions: Sequence[str], texts: Sequence[str]) -> list[Grade]:
        """Grade each text by the question beside it, in their order."""
        pairs = self._tokenizer.pairs(questions, texts)
        found: list[Grade | None] = [None] * len(pairs)
        most_tokens = 0 if self._alone else self._batch_tokens
        groups = batches([len(pair.ids) for pair in pairs], most_tokens)
        groups.reverse()  # the longest first
        runs = self._pool.map(self._run, [[pairs[index] for index in group] for group in groups])
        for group, grades in zip(groups, runs, strict=True):
            for index, grade in zip(group, grades, strict=True):
                found[index] = grade
        return [grade for grade in found if grade is not None]

    def _run(self, pairs: Sequence[Pair]) -> list[Grade]:
        feed = dict(zip(INPUTS, laid_in_rows(pairs), strict=True))
        answers, supports = self._session.run(OUTPUTS, feed)
        return [
            _grade(pair, answer, support)
            for pair, answer, support in zip(pairs, answers, supports, strict=True)
        ]


def _grade(pair: Pair, answer: Any, support: NDArray[np.float32]) -> Grade:
    """Logits of one row to a grade. A text of which nothing was read answers nothing."""
    lines = np.full(pair.total, np.nan, np.float32)
    lines[pair.lines] = probability(support[: len(pair.lines)])
    return Grade(float(probability(answer)) if pair.lines else 0.0, lines)


def probability(logits: Any) -> Any:
    """The logistic function; large magnitudes end at 0 or 1."""
    return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
