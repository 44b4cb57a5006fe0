"""Questions and texts to the grader's tokens and segments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from token_batches import load_tokenizer, padded


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Longest pieces in tokens; the rest of each is cut off.

    Attributes:
        pair: question, text and special tokens together.
        question: the question.
        line: each line of the text.
    """

    pair: int
    question: int
    line: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a text, laid out.

    Attributes:
        ids: [CLS] question [SEP] line [SEP] line [SEP] …
        spans: (start, end) of each segment's tokens, the question's first.
        lines: indices of the text's lines that the segments after the first stand for.
        total: how many lines the text has.
    """

    ids: list[int]
    spans: list[tuple[int, int]]
    lines: list[int]
    total: int


class PairTokenizer:
    """Lays pairs out.

    Args:
        path: of tokenizer.json; it must know [CLS] and [SEP].
        limits: longest pieces.

    Raises:
        ValueError: it does not know them.
    """

    def __init__(self, path: str, limits: Limits) -> None:
        self._tokenizer = load_tokenizer(path)
        self._first, self._separator = (self._special(mark) for mark in ("[CLS]", "[SEP]"))
        self._limits = limits

    def _special(self, mark: str) -> int:
        token = self._tokenizer.token_to_id(mark)
        if token is None:
            raise ValueError(f"the tokenizer has no {mark}")
        return token

    def pairs(self, questions: Sequence[str], texts: Sequence[str]) -> list[Pair]:
        """Lay out each question with the text beside it."""
        lines = [text.split("\n") for text in texts]
        pieces = [*questions, *(line for text in lines for line in text)]
        encoded = self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False)
        ids = iter([one.ids for one in encoded])
        asked = [next(ids) for _ in questions]
        return [
            self._pair(question, [next(ids) for _ in text])
            for question, text in zip(asked, lines, strict=True)
        ]

    def _pair(self, question: list[int], lines: list[list[int]]) -> Pair:
        """One pair; a line without a token, or beyond the longest input, is left out."""
        cut = question[: self._limits.question] or [self._separator]
        ids = [self._first, *cut, self._separator]
        spans, kept = [(1, 1 + len(cut))], []
        for index, line in enumerate(lines):
            piece = line[: self._limits.line]
            end = len(ids) + len(piece)
            if piece and end < self._limits.pair:
                spans.append((len(ids), end))
                kept.append(index)
                ids += [*piece, self._separator]
        return Pair(ids, spans, kept, len(lines))


def laid_in_rows(
    pairs: Sequence[Pair],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """The graph's inputs for a batch: ids, mask and the segments' weights."""
    ids, mask = padded([pair.ids for pair in pairs])
    segments = max(2, *(len(pair.spans) for pair in pairs))
    spans = np.zeros((len(pairs), segments, ids.shape[1]), np.float32)
    for row, pair in zip(spans, pairs, strict=True):
        for segment, (start, end) in enumerate(pair.spans):
            row[segment, start:end] = 1 / (end - start)
    return ids, mask, spans
