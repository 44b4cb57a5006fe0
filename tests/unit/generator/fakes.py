"""A Triton that says what a test wants."""

from collections.abc import AsyncIterator, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from shared.triton import Embedded, Grade, Piece


class FakeTriton:
    """Embeds texts by their words, grades a sentence by the words that it shares.

    Args:
        text: what the language model writes.
        answer: the grader's probability for any question, and for a sentence that says all of it.
        where: a text answers no question without these words.

    Attributes:
        prompts: that the language model was given.
        graded: questions and claims that the grader was given.
    """

    def __init__(self, text: str = "", answer: float = 0.99, where: str = "") -> None:
        self.prompts: list[str] = []
        self.graded: list[str] = []
        self._text = text
        self._answer = answer
        self._where = where

    async def embed(self, texts: Sequence[str], **_lane: bool) -> Embedded:
        vectors = np.array([_counts(text) for text in texts], np.float32)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return Embedded(unit, "fake")

    async def grade(
        self, questions: Sequence[str], texts: Sequence[Sequence[str]], **_lane: bool
    ) -> list[Grade]:
        return self.grades(questions, ["\n".join(lines) for lines in texts])

    def grades(self, questions: Sequence[str], texts: Sequence[str]) -> list[Grade]:
        """As the model is called inside Triton."""
        self.graded += questions
        return [self._grade(one, text) for one, text in zip(questions, texts, strict=True)]

    def _grade(self, question: str, text: str) -> Grade:
        shared = np.array([_shared(question, line) for line in text.split("\n")], np.float32)
        return Grade(self._answer if self._where in text else 0.01, self._answer * shared)

    async def generate(self, prompt: str, **_wishes: object) -> AsyncIterator[Piece]:
        self.prompts.append(prompt)
        yield Piece(text=self._text, finish_reason="stop", prompt_tokens=7, completion_tokens=3)


def _words(text: str) -> list[str]:
    return text.lower().strip(".?").split()


def _counts(text: str) -> NDArray[np.int64]:
    places = [crc32(word.encode()) % 4096 for word in _words(text)]
    return np.bincount(places, minlength=4096)


def _shared(left: str, right: str) -> float:
    wanted = set(_words(left))
    return len(wanted & set(_words(right))) / len(wanted)
