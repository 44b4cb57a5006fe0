"""Question and sentences to the grader's tokens and segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

CLS, SEP = 101, 102
QUESTION_TOKENS = 64
SENTENCE_TOKENS = 96


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokens of one text and where its segments lie.

    Attributes:
        ids: [CLS] question [SEP] sentence [SEP] sentence [SEP] …
        spans: (start, end) of each segment, the question's first.
    """

    ids: list[int]
    spans: list[tuple[int, int]]


class Tokens:
    """Token ids of texts, remembered."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._known: dict[str, list[int]] = {}

    def of(self, text: str) -> list[int]:
        """The ids of a text, without special ones; never empty."""
        if text not in self._known:
            self._known[text] = self._tokenizer.encode(text, add_special_tokens=False).ids or [SEP]
        return self._known[text]


def chosen(lengths: Sequence[int], near: Sequence[float], budget: int) -> list[int]:
    """Indices of the sentences nearest to the question that fit a budget of tokens, in order.

    Args:
        lengths: tokens of each sentence.
        near: similarity of each to the question.
        budget: tokens for all; the nearest sentence is always taken.
    """
    kept: list[int] = []
    for index in sorted(range(len(near)), key=lambda one: -near[one]):
        cost = min(lengths[index], SENTENCE_TOKENS) + 1
        if cost <= budget or not kept:
            kept.append(index)
            budget -= cost
    return sorted(kept)


def encode(tokens: Tokens, question: str, sentences: Sequence[str]) -> Encoded:
    """Lay question and sentences out."""
    ids, spans = [CLS], []
    limits = [QUESTION_TOKENS, *([SENTENCE_TOKENS] * len(sentences))]
    for text, limit in zip([question, *sentences], limits, strict=True):
        piece = tokens.of(text)[:limit]
        spans.append((len(ids), len(ids) + len(piece)))
        ids += [*piece, SEP]
    return Encoded(ids, spans)


def stack(batch: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
    """The three inputs of `Grader.forward`."""
    width = max(len(one.ids) for one in batch)
    segments = max(len(one.spans) for one in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    mask = torch.zeros(len(batch), width, dtype=torch.long)
    spans = torch.zeros(len(batch), segments, width)
    for row, one in enumerate(batch):
        ids[row, : len(one.ids)] = torch.tensor(one.ids)
        mask[row, : len(one.ids)] = 1
        for segment, (start, end) in enumerate(one.spans):
            spans[row, segment, start:end] = 1 / (end - start)
    return ids, mask, spans


def by_tokens(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Indices in batches of like lengths, each of at most `most` tokens with its padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda one: lengths[one]):
        if not batches or lengths[index] * (len(batches[-1]) + 1) > most:
            batches.append([])
        batches[-1].append(index)
    return batches
