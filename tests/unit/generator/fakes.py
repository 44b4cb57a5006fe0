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

    Attributes:
        prompts: that the language model was given.
        graded: questions and claims that the grader was given.
    """

    def __init__(self, text: str = "", answer: float = 0.99) -> None:
        self.prompts: list[str] = []
        self.graded: list[str] = []
        self._text = text
        self._answer = answer

    async def embed(self, texts: Sequence[str], **_lane: bool) -> Embedded:
        vectors = np.array([_counts(text) for text in texts], np.float32)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return Embedded(unit, "fake")

    async def grade(
        self, questions: Sequence[str], texts: Sequence[Sequence[str]], **_lane: bool
    ) -> list[Grade]:
        self.graded += questions
        shared = (
            np.array([_shared(one, text) for text in lines], np.float32)
            for one, lines in zip(questions, texts, strict=True)
        )
        return [Grade(self._answer, self._answer * one) for one in shared]

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
