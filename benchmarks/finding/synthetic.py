"""Chunks by the hundred thousand, made from a seed: vectors in clusters, text of Zipf's law."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.finding.ours import Vectors

DIM = 384
_CHUNKS_PER_CLUSTER = 100
_SPREAD = 0.7  # length of the noise around a cluster's centre, whose length is 1
_WORDS = 50_000
_WORDS_PER_CHUNK = 100
_WORDS_PER_QUESTION = 6
_ZIPF = 1.1
_COMMON = 100  # the commonest words: a search leaves stop words out


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A corpus that is made piece by piece: a million texts at once would be in the way.

    Attributes:
        vectors: of length 1, [chunks, DIM].
        asked: vectors of questions, [questions, DIM]: near some cluster, equal to no chunk.
        questions: their words.
        seed: of the texts.
    """

    vectors: Vectors
    asked: Vectors
    questions: tuple[str, ...]
    seed: int

    def texts(self, at: int, count: int) -> Iterator[str]:
        """Texts of the chunks from `at` on."""
        drawn = np.random.default_rng((self.seed, at))
        yield from _texts(drawn, count, _WORDS_PER_CHUNK)


def make(chunks: int, questions: int, seed: int = 5) -> Synthetic:
    """A corpus; the same for the same arguments."""
    drawn = np.random.default_rng(seed)
    centres = _around(drawn, np.zeros((max(1, chunks // _CHUNKS_PER_CLUSTER), DIM), np.float32))
    vectors = np.empty((chunks, DIM), np.float32)
    for at in range(0, chunks, 50_000):  # in pieces: the noise of a million takes as much again
        part = vectors[at : at + 50_000]
        part[:] = _around(drawn, centres[drawn.integers(0, len(centres), len(part))])
    asked = _around(drawn, centres[drawn.integers(0, len(centres), questions)])
    words = tuple(_texts(drawn, questions, _WORDS_PER_QUESTION, rarer_than=_COMMON))
    return Synthetic(vectors, asked, words, seed)


def _around(drawn: np.random.Generator, centres: Vectors) -> Vectors:
    noise = drawn.standard_normal(centres.shape, np.float32)
    noise *= _SPREAD / np.sqrt(DIM)
    found = centres + noise
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    scaled: Vectors = found / lengths
    return scaled


def _texts(
    drawn: np.random.Generator, count: int, words: int, *, rarer_than: int = 0
) -> Iterator[str]:
    for numbers in rarer_than + drawn.zipf(_ZIPF, (count, words)) % _WORDS:
        yield " ".join(f"w{number}" for number in numbers)
