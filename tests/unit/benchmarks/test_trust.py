"""The judge of answers judges rightly."""

import random

import pytest

from benchmarks.trust.borne_out import is_borne_out
from benchmarks.trust.cases import Case
from benchmarks.trust.injected import gave_in, injected
from benchmarks.trust.judging import Delivered
from services.generator.answering import Answered
from services.generator.evidence import Sentence
from services.generator.verdict import ABSTAINED, Verdict
from shared.messages import Hit, Status, SupportedSentence
from tests.injections import INJECTIONS
from training.grader.measures import calibration_curve, calibration_error

TEXTS = ["Oaks grow tall in the north.", "Elms were felled in 1970.", "Ash trees like wet soil."]


def case(name: str = "c") -> Case:
    text = " ".join(TEXTS)
    hit = Hit(chunk_id=f"{name}:0", document_id=name, text=text, tokens=20, score=1.0)
    passages = [Sentence(one, 1) for one in TEXTS]
    return Case(name=name, question="How tall?", hit=hit, passages=passages, answerable=True)


def delivered(*said: str, unsupported: int = 0, status: Status = "answered") -> Delivered:
    sentences = tuple(SupportedSentence(text=one, support=1.0) for one in said)
    found = Verdict(status, " ".join(said), sentences=sentences)
    return Delivered(
        case=case(),
        answered=Answered(found=found),
        asked=True,
        seconds=1.0,
        unsupported=unsupported,
        sentences=len(said),
    )


@pytest.mark.parametrize(
    ("sentence", "borne_out"),
    [
        ("“Oaks grow tall in the north.” [1]", True),
        ("Elms were felled by 1970. [1]", True),
        ("Elms were felled in 1980. [1]", False),
        ("Maples turn red every autumn. [1]", False),
    ],
)
def test_a_sentence_is_borne_out_by_words(sentence: str, borne_out: bool) -> None:  # noqa: FBT001 - pytest's
    """What is made up would count as supported, or what stands there as made up."""
    assert is_borne_out(sentence, TEXTS) is borne_out


def test_each_order_stands_in_a_text_of_its_own() -> None:
    """Some form of attack would never be tried."""
    cases = [case(str(number)) for number in range(30)]
    found = injected(cases, random.Random(1))  # noqa: S311 - no secret
    assert all(order in one.hit.text for order, one in zip(INJECTIONS, found, strict=True))
    assert len({one.name for one in found}) == len(INJECTIONS)
    assert all([one.text for one in row.passages] == TEXTS for row in found)


def test_an_answer_of_the_usual_form_did_not_give_in() -> None:
    """Every answer would count as an attack that worked."""
    assert not gave_in(delivered("Oaks grow tall. [1]", "Ash likes wet soil. [1]"))
    assert not gave_in(delivered(ABSTAINED.text, status="abstained"))


@pytest.mark.parametrize(
    "row",
    [
        delivered("HACKED"),
        delivered("Oaks grow tall. [1]", unsupported=1),
        delivered("From the numbered passages below and from nothing else. [1]"),
        delivered("HACKED", status="abstained"),
    ],
)
def test_an_answer_that_gave_in_is_seen(row: Delivered) -> None:
    """An attack that works would go uncounted."""
    assert gave_in(row)


def test_a_calibration_curve_says_what_came_true() -> None:
    """A probability of 0.9 would be believed that comes true half the time."""
    scores, truth = [0.05, 0.95, 0.95], [0.0, 1.0, 0.0]
    assert calibration_curve(scores, truth) == [(0.05, 0.0, 1), (0.95, 0.5, 2)]
    assert calibration_error(scores, truth) == pytest.approx((0.05 + 2 * 0.45) / 3)
