"""Which sentences of the passages speak for an answer, and how strongly. Pure.

The measure is the cosine between sentence embeddings, cut to 0..1. It sees likeness, not truth,
so whatever is checkable letter by letter is checked so: a number or an address in the answer
that the passages do not hold makes its sentence unsupported.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.messages import Evidence, Hit
from shared.sentences import split

Vectors = NDArray[np.float32]

MOST_EVIDENCE = 5
_FEWEST_WORDS = 4  # shorter "sentences" are headings, labels, page furniture
_FACT = re.compile(r"https?://\S+|\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage.

    Attributes:
        text: verbatim.
        number: the passage's place in the prompt, from 1.
        page: on which it begins, None where there are no pages.
    """

    text: str
    number: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Support:
    """How the passages stand to one sentence of an answer.

    Attributes:
        text: the answer's sentence.
        score: 0..1.
        best: index of the passages' sentence nearest to it.
    """

    text: str
    score: float
    best: int


def sentences(hits: Sequence[Hit]) -> list[Sentence]:
    """The passages' sentences in order, each once; those too short to say anything left out."""
    found: dict[str, Sentence] = {}
    for number, hit in enumerate(hits, start=1):
        offset = 0
        for text in split(hit.text):
            offset = hit.text.index(text, offset)
            if len(text.split()) >= _FEWEST_WORDS:
                found.setdefault(text, Sentence(text, number, hit.page_at(offset)))
            offset += len(text)
    return list(found.values())


def similarity(left: Vectors, right: Vectors) -> NDArray[np.float32]:
    """Cosines of unit vectors [n, dim] and [m, dim], cut to 0..1: [n, m]."""
    return np.clip(left @ right.T, 0.0, 1.0)


def supports(
    answer: Sequence[str], near: NDArray[np.float32], passages: Sequence[Sentence]
) -> list[Support]:
    """Support of each sentence of an answer.

    Args:
        answer: n sentences without markers.
        near: their similarity to the passages' sentences, [n, m], m above 0.
        passages: the m sentences.
    """
    facts = {fact for sentence in passages for fact in _FACT.findall(sentence.text)}
    rows = []
    for text, row in zip(answer, near, strict=True):
        best = int(row.argmax())
        invented = set(_FACT.findall(text)) - facts
        rows.append(Support(text, 0.0 if invented else float(row[best]), best))
    return rows


def rank(scores: NDArray[np.float32], *, threshold: float, most: int) -> list[int]:
    """Indices of the best scores [m] that reach the threshold, best first, at most `most`."""
    order = np.argsort(-scores, kind="stable")[:most]
    return [int(index) for index in order if scores[index] >= threshold]


def as_evidence(
    passages: Sequence[Sentence], hits: Sequence[Hit], scores: NDArray[np.float32]
) -> tuple[Evidence, ...]:
    """The best sentences with their scores, best first."""
    return tuple(
        _evidence(passages[index], hits, float(scores[index]))
        for index in rank(scores, threshold=0.0, most=MOST_EVIDENCE)
    )


def _evidence(sentence: Sentence, hits: Sequence[Hit], score: float) -> Evidence:
    hit = hits[sentence.number - 1]
    return Evidence(
        sentence=sentence.text,
        document_id=hit.document_id,
        chunk_id=hit.chunk_id,
        page=sentence.page,
        score=round(score, 4),
    )
