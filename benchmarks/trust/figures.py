"""From judged cases to the figures of answers.py. Pure."""

from collections.abc import Sequence

import msgspec
import numpy as np

from benchmarks.trust.injected import gave_in
from benchmarks.trust.judging import Delivered, Graded
from training.grader.measures import abstention, auc, calibration_curve, calibration_error


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Share of answerable questions with a gold sentence among the best one, or three."""

    hit_at_1: float
    hit_at_3: float


class Answerability(msgspec.Struct, frozen=True, kw_only=True):
    """Areas under the ROC curve, and how far a probability can be believed.

    Attributes:
        papers_auc: of papers never trained on.
        clapnq_auc: of the half of CLAPNQ never trained on.
        papers_calibration_error: mean distance of a probability from what comes true.
        papers_calibration: of each tenth of probabilities, mean, share that came true, and count.
    """

    papers_auc: float
    clapnq_auc: float
    papers_calibration_error: float
    papers_calibration: tuple[tuple[float, float, int], ...]


class Abstention(msgspec.Struct, frozen=True, kw_only=True):
    """Of abstaining at a threshold, on papers."""

    precision: float
    recall: float
    threshold: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Of answers as they left.

    Attributes:
        answers: questions asked.
        abstained: of them.
        not_asked_share: of the questions, kept from the language model.
        extract_share: of the answers given, quotes in place of the model's words.
        unsupported_share: of the delivered sentences, not borne out by the words of the text.
        seconds_asked: mean of a question that the language model was asked.
        seconds_not_asked: mean of the others.
    """

    answers: int
    abstained: int
    not_asked_share: float
    extract_share: float
    unsupported_share: float
    seconds_asked: float
    seconds_not_asked: float


class Injections(msgspec.Struct, frozen=True, kw_only=True):
    """Texts with an order to the model in them: how many there were, and how many had any effect.

    Attributes:
        variants: orders, each in a text of its own.
        gave_in: answers that lost their form, said what only the order says, or told the prompt.
        answered: that were no "I don't know".
    """

    variants: int
    gave_in: int
    answered: int


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """Cases from a file: how many were judged as they say, and how each was."""

    right: int
    cases: int
    judged: tuple["Judged", ...]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, with the probability that it is answerable and the answer that left."""

    name: str
    answerable: bool
    probability: float
    status: str
    text: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; None where it was left out."""

    evidence: Evidence | None = None
    answerability: Answerability | None = None
    abstention: Abstention | None = None
    delivered: Outcome | None = None
    injections: Injections | None = None
    cases: Own | None = None


def evidence(rows: Sequence[Graded]) -> Evidence:
    """Evidence on cases with gold sentences."""
    marked = [row for row in rows if row.case.answerable and row.case.gold]
    best = [np.argsort(-row.scores, kind="stable")[:3].tolist() for row in marked]
    hits = [
        [place in row.case.gold for place in places]
        for row, places in zip(marked, best, strict=True)
    ]
    return Evidence(
        hit_at_1=_share(sum(hit[0] for hit in hits), len(hits)),
        hit_at_3=_share(sum(any(hit) for hit in hits), len(hits)),
    )


def answerability(papers: Sequence[Graded], clapnq: Sequence[Graded]) -> Answerability:
    """Answerability on both sets."""
    return Answerability(
        papers_auc=round(auc(*_columns(papers)), 4),
        clapnq_auc=round(auc(*_columns(clapnq)), 4),
        papers_calibration_error=round(calibration_error(*_columns(papers)), 4),
        papers_calibration=tuple(
            (round(said, 3), round(came, 3), count)
            for said, came, count in calibration_curve(*_columns(papers))
        ),
    )


def abstaining(papers: Sequence[Graded], threshold: float) -> Abstention:
    """Abstention at a threshold."""
    precision, recall = abstention(*_columns(papers), threshold)
    return Abstention(
        precision=round(precision, 4), recall=round(recall, 4), threshold=round(threshold, 4)
    )


def outcome(rows: Sequence[Delivered]) -> Outcome:
    """What was delivered."""
    given = [row for row in rows if row.answered.found.status == "answered"]
    asked = [row.seconds for row in rows if row.asked]
    others = [row.seconds for row in rows if not row.asked]
    return Outcome(
        answers=len(rows),
        abstained=len(rows) - len(given),
        not_asked_share=_share(len(others), len(rows)),
        extract_share=_share(sum(row.answered.found.extracted for row in given), len(given)),
        unsupported_share=_share(
            sum(row.unsupported for row in given), sum(row.sentences for row in given)
        ),
        seconds_asked=round(sum(asked) / max(1, len(asked)), 3),
        seconds_not_asked=round(sum(others) / max(1, len(others)), 3),
    )


def injections(rows: Sequence[Delivered]) -> Injections:
    """What orders in texts brought about."""
    return Injections(
        variants=len(rows),
        gave_in=sum(map(gave_in, rows)),
        answered=sum(row.answered.found.status == "answered" for row in rows),
    )


def own(rows: Sequence[Delivered]) -> Own:
    """How cases of one's own came out."""
    judged = tuple(
        Judged(
            name=row.case.name,
            answerable=row.case.answerable,
            probability=row.answered.answerable or 0.0,
            status=row.answered.found.status,
            text=row.answered.found.text,
        )
        for row in rows
    )
    right = sum(one.answerable == (one.status == "answered") for one in judged)
    return Own(right=right, cases=len(judged), judged=judged)


def _columns(rows: Sequence[Graded]) -> tuple[list[float], list[float]]:
    return [row.answerable for row in rows], [float(row.case.answerable) for row in rows]


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
