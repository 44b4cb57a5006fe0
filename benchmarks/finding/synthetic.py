"""Chunks by the hundred thousand, made from a seed: vectors in clusters, text of Zipf's law."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.finding.ours import Vectors

DIM = 384
_CHUNKS_PER_CLUSTER = 100
_PIECE = 50_000  # chunks made at once
_SPREAD = 0.7  # length of the noise around a cluster's centre, whose length is 1
_WORDS = 50_000
_WORDS_PER_CHUNK = 100
_WORDS_PER_QUESTION = 6
_ZIPF = 1.1
_COMMON = 100  # the commonest words: a search leaves stop words out


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked of a corpus.

    Attributes:
        vectors: [questions, DIM]: near some cluster, equal to no chunk.
        words: of each.
    """

    vectors: Vectors
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A corpus whose beginnings are corpora, too; texts are made when they are wanted.

    Attributes:
        vectors: of length 1, [chunks, DIM]; a cluster's lie side by side, as a document's would.
        centres: of the clusters, [clusters, DIM].
        seed: of texts and questions.
    """

    vectors: Vectors
    centres: Vectors
    seed: int

    def texts(self, at: int, count: int) -> Iterator[str]:
        """Texts of the chunks from `at` on."""
        drawn = np.random.default_rng((self.seed, at))
        yield from _texts(drawn, count, _WORDS_PER_CHUNK)

    def questions(self, chunks: int, count: int) -> Questions:
        """Questions about the first chunks."""
        drawn = np.random.default_rng((self.seed, chunks, count))
        near = drawn.integers(0, max(1, chunks // _CHUNKS_PER_CLUSTER), count)
        words = _texts(drawn, count, _WORDS_PER_QUESTION, rarer_than=_COMMON)
        return Questions(_around(drawn, self.centres[near]), tuple(words))


def make(chunks: int, seed: int = 5) -> Synthetic:
    """A corpus; the same for the same arguments."""
    drawn = np.random.default_rng(seed)
    count = -(-chunks // _CHUNKS_PER_CLUSTER)
    centres = _around(drawn, np.zeros((count, DIM), np.float32))
    vectors = np.empty((chunks, DIM), np.float32)
    for at in range(0, chunks, _PIECE):  # the noise of all at once would take as much again
        numbers = np.arange(at, min(at + _PIECE, chunks)) // _CHUNKS_PER_CLUSTER
        vectors[at : at + _PIECE] = _around(drawn, centres[numbers])
    return Synthetic(vectors, centres, seed)


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
