"""The grader is fitted and judged on what it says in the product."""

import math

from services.generator import grading
from services.generator.answerability import probability
from services.generator.evidence import Sentence
from tests.unit.generator.fakes import FakeTriton
from training.grader.served import graded, supports

QUESTION = "Are oaks tall?"
TEXTS = [f"Oaks of forester {number} are old and tall." for number in range(40)]


async def test_signs_are_those_of_the_product() -> None:
    """The threshold would have been fitted on something that no question ever meets."""
    triton = FakeTriton(where=TEXTS[-1])
    vectors = (await triton.embed([QUESTION, *TEXTS])).vectors
    near = (vectors[1:] @ vectors[0]).tolist()
    rows = [{"question": QUESTION, "sentences": TEXTS, "near": near}] * 2
    passages = [Sentence(text, 1) for text in TEXTS]
    seen = await grading.relevance(QUESTION, passages, triton, bulk=False)  # type: ignore[arg-type]  # as much of one as is needed
    assert [probability(one) for one in graded(triton, rows)] == [seen.answerable] * 2


def test_each_sentence_has_its_support() -> None:
    """Evidence would be fitted on the nearest sentences alone."""
    rows = [{"question": QUESTION, "sentences": TEXTS, "near": [0.5] * len(TEXTS)}]
    [found] = supports(FakeTriton(), rows)
    assert len(found) == len(TEXTS)
    assert not any(map(math.isnan, found))
