"""What the reader said, held against its passages; and the figures of many such. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.trust.borne_out import is_borne_out
from services.generator.citations import markers
from services.generator.evidence import Sentence, known, supports
from services.generator.quoting import claimed
from services.generator.verdict import Rules, decide
from shared.messages import Hit


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A question, asked of the model alone and through the worker's checks.

    Attributes:
        set: `papers` or `clapnq`.
        name: of the row.
        answerable: by its label.
        answered: whether the model said anything else than that it doesn't know.
        sentences: that it said.
        supported: of them, by the worker's check: grader, numbers, names and words.
        borne_out: of them, by words alone, without any model.
        cited: of those supported, with the number of a passage that supports them.
        relevance: of what bears out the sentence that is nearest to the question, by the worker's
            grader, 0..1; and `best`, of the passages' nearest sentence.
        gold: of them, from a sentence that people marked as the answer; None where nobody did.
        asked: whether the worker's gate would let the model be asked.
        fell_back: whether the worker would then put quotes in the place of its words.
        text: what it said.
    """

    set: str
    name: str
    answerable: bool
    answered: bool
    sentences: int
    supported: int
    borne_out: int
    cited: int
    gold: int | None = None
    relevance: float = 0.0
    best: float = 0.0
    asked: bool
    fell_back: bool
    text: str


def judge(
    said: Sequence[str] | None,
    near: NDArray[np.float32],
    passages: Sequence[Sentence],
    hits: Sequence[Hit],
    relevance: NDArray[np.float32],
    rules: Rules,
    gold: Sequence[str] = (),
) -> Mapping[str, Any]:
    """Hold an answer against its passages: some fields of `Judged`.

    Args:
        said: its n sentences with markers; None if the model doesn't know.
        near: how much each of m sentences supports each of the n, [n, m].
        passages: the m sentences.
        hits: the passages as numbered in the prompt.
        relevance: of each of the m to the question, [m].
        rules: the worker's.
        gold: sentences that people marked as the answer.
    """
    sentences = list(said or ())
    claims = [claimed(one) for one in sentences]
    held = known(hits)
    checked = supports(claims, near, passages, held)
    supported = [one.score >= rules.support_threshold for one in checked]
    texts = [one.text for one in passages]
    cited = [
        good and any(passages[place].number in markers(text) for place in _supporting(row, rules))
        for text, row, good in zip(sentences, near, supported, strict=True)
    ]
    marked = [
        good and any(passages[one.best].text in text for text in gold)
        for one, good in zip(checked, supported, strict=True)
    ]
    found = decide(said, passages, hits, held, relevance, near, rules)
    return {
        "answered": said is not None,
        "sentences": len(sentences),
        "supported": sum(supported),
        "borne_out": sum(is_borne_out(one, texts) for one in sentences),
        "cited": sum(cited),
        "gold": sum(marked) if gold else None,
        "relevance": max((round(float(relevance[one.best]), 4) for one in checked), default=0.0),
        "best": round(float(relevance.max()), 4),
        "fell_back": said is not None and found.text != "" and (found.extracted or not checked),
    }


def _supporting(row: NDArray[np.float32], rules: Rules) -> list[int]:
    return [int(place) for place in np.flatnonzero(row >= rules.support_threshold)]


def figures(rows: Sequence[Judged]) -> dict[str, float]:
    """The figures of some rows; shares in 0..1."""
    answerable = [one for one in rows if one.answerable]
    others = [one for one in rows if not one.answerable]
    answers = [one for one in rows if one.answered]
    marked = [one.gold for one in answers if one.gold is not None]
    through = [one for one in answers if one.asked]
    silent = [one for one in others if not (one.asked and one.answered)]
    return {
        "rows": len(rows),
        "answered_share": share(sum(one.answered for one in answerable), len(answerable)),
        "abstained_share": share(sum(not one.answered for one in others), len(others)),
        "supported_share": share(
            sum(0 < one.sentences == one.supported for one in answers), len(answers)
        ),
        "borne_out_share": share(
            sum(0 < one.sentences == one.borne_out for one in answers), len(answers)
        ),
        "cited_share": share(
            sum(one.cited for one in answers), sum(one.supported for one in answers)
        ),
        **({"gold_share": share(sum(one > 0 for one in marked), len(marked))} if marked else {}),
        "sentences": share(sum(one.sentences for one in answers), len(answers)),
        "gated_answered_share": share(sum(one.answerable for one in through), len(answerable)),
        "gated_abstained_share": share(len(silent), len(others)),
        "gated_answers": len(through),
        "gated_fell_back_share": share(sum(one.fell_back for one in through), len(through)),
    }


def share(part: float, whole: float) -> float:
    """A share, rounded; 0 of nothing."""
    return round(part / whole, 4) if whole else 0.0
