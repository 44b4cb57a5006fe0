"""Rows through a trained grader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from training.grader.encoding import Tokens, by_tokens, chosen, encode, stack
from training.grader.model import Grader

BUDGET = 224
BATCH_TOKENS = 6_000


@dataclass(frozen=True, slots=True)
class Grade:
    """Logits: `answer` of the text, `support` of each sentence, None where it found no room."""

    answer: float
    support: list[float | None]


@torch.inference_mode()  # type: ignore[untyped-decorator]  # torch is not installed for mypy
def grade(
    model: Grader, tokens: Tokens, rows: Sequence[Mapping[str, Any]], budget: int = BUDGET
) -> list[Grade]:
    """Grade the rows' best sentences."""
    keeps, encoded = [], []
    for row in rows:
        lengths = [len(tokens.of(text)) for text in row["sentences"]]
        keeps.append(chosen(lengths, row["near"], budget))
        texts = [row["sentences"][one] for one in keeps[-1]]
        encoded.append(encode(tokens, row["question"], texts))
    found: list[Grade | None] = [None] * len(rows)
    for batch in by_tokens([len(one.ids) for one in encoded], BATCH_TOKENS):
        answers, supports = model(*stack([encoded[index] for index in batch]))
        for index, answer, support in zip(batch, answers.tolist(), supports.tolist(), strict=True):
            of: list[float | None] = [None] * len(rows[index]["sentences"])
            for place, value in zip(keeps[index], support, strict=False):
                of[place] = value
            found[index] = Grade(answer, of)
    return [one for one in found if one is not None]
