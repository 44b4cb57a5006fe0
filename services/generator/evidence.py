"""Which sentences of the passages speak for an answer, and how strongly. Pure.

How strongly is the grader's word. It sees likeness, not truth, so whatever is checkable letter by
letter is checked so: a number, an address or a name in the answer that the passages do not hold
makes its sentence unsupported, and so do words that stand neither in its evidence nor beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generator.answerability import overlap
from services.generator.facts import Known, invented
from services.generator.injections import speaks_to_the_model
from shared.messages import Evidence, Hit
from shared.sentences import split

Vectors = NDArray[np.float32]

MOST_EVIDENCE = 5
_LEAST_SHOWN = 1e-4  # rounded it would be 0
_WORDS_HELD = 0.75  # of a sentence's words, by the evidence's own; grades alone are too kind
_FEWEST_WORDS = 4  # shorter "sentences" are headings, labels, page furniture


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
    """The passages' sentences in order, each once.

    Those too short to say anything are left out, and those that speak to the model.
    """
    found: dict[str, Sentence] = {}
    for number, hit in enumerate(hits, start=1):
        offset = 0
        for text in split(hit.text):
            offset = hit.text.index(text, offset)
            if len(text.split()) >= _FEWEST_WORDS and not speaks_to_the_model(text):
                found.setdefault(text, Sentence(text, number, hit.page_at(offset)))
            offset += len(text)
    return list(found.values())


def similarity(left: Vectors, right: Vectors) -> NDArray[np.float32]:
    """Cosines of unit vectors [n, dim] and [m, dim], cut to 0..1: [n, m]."""
    return np.clip(left @ right.T, 0.0, 1.0)


def known(hits: Sequence[Hit]) -> Known:
    """What the passages hold letter by letter, in whatever the model was shown of them."""
    texts = [text for hit in hits for text in split(hit.text) if not speaks_to_the_model(text)]
    return Known([*texts, *(f"{hit.title}\n{hit.section}" for hit in hits)])


def supports(
    answer: Sequence[str], near: NDArray[np.float32], passages: Sequence[Sentence], held: Known
) -> list[Support]:
    """Support of each sentence of an answer.

    Args:
        answer: n sentences without markers.
        near: how much each of the passages' sentences supports them, 0..1: [n, m], m above 0.
        passages: those m sentences.
        held: by the passages.
    """
    rows = []
    for text, row in zip(answer, near, strict=True):
        best = int(row.argmax())
        told = not invented(text, held) and overlap(text, _beside(best, passages)) >= _WORDS_HELD
        rows.append(Support(text, float(row[best]) if told else 0.0, best))
    return rows


def tenable(answer: Sequence[str], passages: Sequence[Sentence], held: Known) -> bool:
    """Whether each sentence could be supported, by what `supports` checks without a grade.

    Args:
        answer: sentences without markers.
        passages: the passages' sentences.
        held: by the passages.
    """
    beside = [_beside(place, passages) for place in range(len(passages))]
    return not any(
        invented(text, held) or max(overlap(text, one) for one in beside) < _WORDS_HELD
        for text in answer
    )


def _beside(place: int, passages: Sequence[Sentence]) -> str:
    """A sentence with its neighbours: who is meant often stands one sentence earlier."""
    around = passages[max(0, place - 1) : place + 2]
    return " ".join(one.text for one in around if one.number == passages[place].number)


def rank(scores: NDArray[np.float32], *, threshold: float, most: int) -> list[int]:
    """Indices of the best scores [m] that reach the threshold, best first, at most `most`."""
    order = np.argsort(-scores, kind="stable")[:most]
    return [int(index) for index in order if scores[index] >= threshold]


def as_evidence(
    passages: Sequence[Sentence], hits: Sequence[Hit], scores: NDArray[np.float32]
) -> tuple[Evidence, ...]:
    """The best sentences with their scores, best first, without those that say nothing to it."""
    return tuple(
        _evidence(passages[index], hits, float(scores[index]))
        for index in rank(scores, threshold=_LEAST_SHOWN, most=MOST_EVIDENCE)
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
