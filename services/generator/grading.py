"""What embedder and grader make of the passages' sentences: is it answered there, who says so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generator import answerability
from services.generator.evidence import Sentence, Vectors, similarity
from services.generator.quoting import plain
from shared.triton import Triton

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Relevance:
    """How the passages stand to a question.

    Attributes:
        answerable: probability that they hold its answer, 0..1.
        scores: how well each sentence serves as evidence, FP32 [m], 0..1.
        vectors: of the sentences, FP32 [m, dim], to hold an answer's against.
        near: similarity of each sentence to the question, FP32 [m], 0..1.
        read: places of the sentences that the grader read; the scores of all others are next to 0.
    """

    answerable: float
    scores: Scores
    vectors: Vectors
    near: Scores
    read: frozenset[int]


async def relevance(
    question: str, passages: Sequence[Sentence], triton: Triton, *, bulk: bool
) -> Relevance:
    """Grade the passages' sentences that are nearest to a question.

    Args:
        question: as asked.
        passages: m sentences, m above 0.
        triton: serves embedder and grader.
        bulk: let questions of people overtake it.
    """
    texts = [sentence.text for sentence in passages]
    vectors = (await triton.embed([question, *texts], bulk=bulk)).vectors
    [near] = similarity(vectors[:1], vectors[1:])
    kept = answerability.chosen(texts, near.tolist())
    [grade] = await triton.grade([question], [[texts[index] for index in kept]], bulk=bulk)
    support = grade.support.tolist()
    seen = answerability.signs(question, texts, near.tolist(), grade.answer, support)
    graded = _spread(grade.support, kept, len(texts))
    scores = map(answerability.evidence, graded.tolist(), near.tolist())
    evident = np.fromiter(scores, np.float32)
    return Relevance(
        answerable=answerability.probability(seen),
        scores=evident,
        vectors=vectors[1:],
        near=near,
        read=frozenset(kept),
    )


async def reread(
    question: str,
    passages: Sequence[Sentence],
    seen: Relevance,
    places: Sequence[int],
    triton: Triton,
    *,
    bulk: bool,
) -> Scores:
    """The sentences' scores, with those at some places graded if they were not, each by itself.

    Args:
        question: as asked.
        passages: m sentences.
        seen: what `relevance` found of them.
        places: of sentences that an answer rests on.
        triton: serves the grader.
        bulk: let questions of people overtake it.
    """
    unread = sorted(set(places) - seen.read)
    if not unread:
        return seen.scores
    texts = [[passages[place].text] for place in unread]
    scores = seen.scores.copy()
    grades = await triton.grade([question] * len(unread), texts, bulk=bulk)
    for place, grade in zip(unread, grades, strict=True):
        [graded] = grade.support.tolist()
        scores[place] = answerability.evidence(graded, float(seen.near[place]))
    return scores


async def support(
    claims: Sequence[str],
    passages: Sequence[Sentence],
    vectors: Vectors,
    triton: Triton,
    *,
    bulk: bool,
) -> Scores:
    """Grade the passages' sentences for each claim of an answer.

    Args:
        claims: n sentences without markers and marks of quotes.
        passages: m sentences, m above 0.
        vectors: of the m sentences, as `relevance` found them, FP32 [m, dim].
        triton: serves embedder and grader.
        bulk: let questions of people overtake it.

    Returns:
        FP32 [n, m], 0..1; 1 where a passage's sentence holds the claim word for word: what is
        quoted so needs no grade.
    """
    texts = [sentence.text for sentence in passages]
    scores = _verbatim(claims, texts)
    if not (open_ := [place for place, row in enumerate(scores) if not row.any()]):
        return scores
    asked = [claims[place] for place in open_]
    near = similarity((await triton.embed(asked, bulk=bulk)).vectors, vectors)
    kept = [answerability.chosen(texts, row.tolist()) for row in near]
    lines = [[texts[index] for index in rows] for rows in kept]
    for place, rows, grade in zip(
        open_, kept, await triton.grade(asked, lines, bulk=bulk), strict=True
    ):
        scores[place] = _spread(grade.support, rows, len(texts))
    return scores


def _spread(support: Scores, kept: Sequence[int], count: int) -> Scores:
    """Scores of the chosen sentences among all; a NaN, which found no room, is 0."""
    scores = np.zeros(count, np.float32)
    scores[list(kept)] = np.nan_to_num(support[: len(kept)])
    return scores


def _verbatim(claims: Sequence[str], texts: Sequence[str]) -> Scores:
    known = [plain(text) for text in texts]
    found = [[plain(claim) in text for text in known] for claim in claims]
    return np.array(found, np.float32).reshape(len(claims), len(texts))
