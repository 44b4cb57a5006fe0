"""What leaves as the answer: the model's text if its evidence holds, else quotes, else nothing.

Pure: it gets the text, the passages' sentences and their similarities, and decides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generator.citations import cite, with_markers, without_markers
from services.generator.evidence import Sentence, Support, rank, supports
from services.generator.settings import OnUnsupported
from shared.messages import Citation, Hit, Status
from shared.sentences import split

DONT_KNOW = "I don't know."
_MOST_QUOTES = 3
_LEADING_MARKERS = re.compile(r"(?:\[[\d\s,;]+\]\s*)+")
_UNKNOWING = re.compile(r"^\W*i\s+(?:do\s+not|don['\u2019]?t)\s+know\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds in 0..1 and what to do below them; see GeneratorSettings."""

    on_unsupported: OnUnsupported = "extract"
    support_threshold: float = 0.7
    evidence_threshold: float = 0.3


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the Answer will say; `support` in 0..1."""

    status: Status
    text: str
    citations: tuple[Citation, ...] = ()
    support: float = 0.0
    extracted: bool = False


ABSTAINED = Verdict("abstained", DONT_KNOW)


def answer_sentences(text: str) -> list[str] | None:
    """The model's text, cut into sentences with their markers; None if it doesn't know.

    A marker behind a full stop belongs to the sentence before it: "So it is. [1] But why?"
    """
    if _UNKNOWING.match(text):
        return None
    found: list[str] = []
    for piece in split(text.strip()):
        leading = _LEADING_MARKERS.match(piece)
        if found and leading:
            found[-1] += f" {leading[0].strip()}"
            piece = piece[leading.end() :].strip()  # noqa: PLW2901 - the rest of the piece
        if without_markers(piece):
            found.append(piece)
    return found


def decide(
    answer: Sequence[str] | None,
    passages: Sequence[Sentence],
    hits: Sequence[Hit],
    near: NDArray[np.float32],
    rules: Rules,
) -> Verdict:
    """Hold a model's answer against the passages.

    Args:
        answer: its n sentences, with markers; None if the model said that it doesn't know.
        passages: the m sentences of the passages, m above 0.
        hits: the passages as numbered in the prompt.
        near: similarity [1 + n, m]: first row the question's, then one per sentence of `answer`.
        rules: thresholds.
    """
    if answer is None:
        return ABSTAINED
    checked = supports([without_markers(text) for text in answer], near[1:], passages)
    holds = all(support.score >= rules.support_threshold for support in checked)
    if checked and (holds or rules.on_unsupported == "flag"):
        return _own_words(checked, passages, hits, rules.support_threshold)
    if rules.on_unsupported == "abstain":
        return ABSTAINED
    return _quotes(passages, hits, near[0], rules.evidence_threshold)


def _own_words(
    checked: Sequence[Support],
    passages: Sequence[Sentence],
    hits: Sequence[Hit],
    threshold: float,
) -> Verdict:
    """The model's sentences, each citing the passage that supports it best.

    A marker that the model set itself does not count: small models set them at random. A
    sentence without support, which only `flag` lets pass, cites nothing.
    """
    text, citations = [], {}
    for support in checked:
        nearest = passages[support.best]
        if support.score >= threshold:
            text.append(with_markers(support.text, [nearest.number]))
            citations[nearest.text] = cite(nearest, hits)
        else:
            text.append(support.text)
    mean = sum(support.score for support in checked) / len(checked)
    return Verdict("answered", " ".join(text), tuple(citations.values()), round(mean, 4))


def _quotes(
    passages: Sequence[Sentence],
    hits: Sequence[Hit],
    relevance: NDArray[np.float32],
    threshold: float,
) -> Verdict:
    """The sentences nearest to the question, verbatim, in the order in which they stand."""
    best = sorted(rank(relevance, threshold=threshold, most=_MOST_QUOTES))
    if not best:
        return ABSTAINED
    chosen = [passages[index] for index in best]
    return Verdict(
        "answered",
        " ".join(f"“{found.text}” [{found.number}]" for found in chosen),
        tuple(cite(found, hits) for found in chosen),
        support=1.0,
        extracted=True,
    )
