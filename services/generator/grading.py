"""What embedder and grader make of the passages' sentences: is it answered there, who says so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generator import answerability
from services.generator.answerability import CLAIM_WORDS
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
    """

    answerable: float
    scores: Scores
    vectors: Vectors


async def relevance(
    question: str, passages: Sequence[Sentence], triton: Triton, *, bulk: bool
) -> Relevance:
    """Grade the passages' sentences by a question, all of them, in windows of a few.

    Args:
        question: as asked.
        passages: m sentences, m above 0.
        triton: serves embedder and grader.
        bulk: let questions of people overtake it.
    """
    texts = [sentence.text for sentence in passages]
    vectors = (await triton.embed([question, *texts], bulk=bulk)).vectors
    near = similarity(vectors[:1], vectors[1:])[0].tolist()
    windows = answerability.windows(texts, near)
    lines = [[texts[index] for index in window] for window in windows]
    grades = await triton.grade([question] * len(lines), lines, bulk=bulk)
    support = answerability.spread(windows, (one.support.tolist() for one in grades), len(texts))
    answer = max(grade.answer for grade in grades)
    seen = answerability.signs(question, texts, near, answer, support)
    return Relevance(
        answerable=answerability.probability(seen),
        scores=np.fromiter(map(answerability.evidence, support, near), np.float32),
        vectors=vectors[1:],
    )


async def support(
    claims: Sequence[str],
    passages: Sequence[Sentence],
    vectors: Vectors,
    triton: Triton,
    *,
    bulk: bool,
) -> Scores:
    """Grade the passages' sentences for each claim of an answer, those nearest to it.

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
    nearest = [answerability.windows(texts, row, CLAIM_WORDS)[0] for row in near.tolist()]
    lines = [[texts[index] for index in window] for window in nearest]
    grades = await triton.grade(asked, lines, bulk=bulk)
    for place, window, grade in zip(open_, nearest, grades, strict=True):
        graded = answerability.spread([window], [grade.support.tolist()], len(texts))
        scores[place] = np.nan_to_num(graded)
    return scores


def _verbatim(claims: Sequence[str], texts: Sequence[str]) -> Scores:
    known = [plain(text) for text in texts]
    found = [[plain(claim) in text for text in known] for claim in claims]
    return np.array(found, np.float32).reshape(len(claims), len(texts))
