"""What the grader learns from, one text at a time."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """A text to grade.

    Attributes:
        question: or a claim.
        sentences: of the text, in order.
        near: similarity of each to the question, to choose by.
        answer: 0..1, whether the text answers.
        support: 0/1 a sentence where any is known, -1 where this one is not.
        budget: tokens for the sentences.
        weight: of its loss.
        alike: whether `near` is the similarity to this very question, from which the sentences'
            order can be learnt.
    """

    question: str
    sentences: Sequence[str]
    near: Sequence[float]
    answer: float
    support: Sequence[int] | None
    budget: int = 224
    weight: float = 1.0
    alike: bool = False
