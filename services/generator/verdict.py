"""What leaves as the answer: the model's text if its evidence holds, else quotes, else nothing.

Pure: it gets the text, the passages' sentences and their similarities, and decides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.generator.citations import cite, with_markers, without_markers
from services.generator.evidence import Sentence, Support, rank, supports, tenable
from services.generator.facts import Known
from services.generator.quoting import claimed, shown
from shared.messages import Citation, Hit, Profile, Status, SupportedSentence, YesNo
from shared.sentences import split

DONT_KNOW = "I don't know."
_MOST_QUOTES = 3
_TO_THE_POINT = 0.2  # by the grader; below, it is sure that a sentence is about something else
_LEADING_MARKERS = re.compile(r"(?:\[[\d\s,;]+\]\s*)+")
_WORDS: dict[str, YesNo] = {"yes": "yes", "no": "no", "maybe": "maybe"}
_YES_NO = re.compile(r"^\W*(yes|no|maybe)\b[\s.,:;!*-]*", re.IGNORECASE)
_UNKNOWING = re.compile(r"^\W*i\s+(?:do\s+not|don['\u2019]?t)\s+know\b", re.IGNORECASE)


OnUnsupported = Literal["extract", "abstain", "flag"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds in 0..1 and what to do below them; see GeneratorSettings."""

    on_unsupported: OnUnsupported = "extract"
    support_threshold: float = 0.7
    evidence_threshold: float = 0.3
    most_words: int = 400


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the Answer will say; fields as there."""

    status: Status
    text: str
    citations: tuple[Citation, ...] = ()
    support: float = 0.0
    sentences: tuple[SupportedSentence, ...] = ()
    extracted: bool = False
    yes_no: YesNo | None = None


ABSTAINED = Verdict("abstained", DONT_KNOW)


def answer_sentences(text: str) -> list[str] | None:
    """The model's text, cut into sentences with their markers; None if it doesn't know.

    A marker behind a full stop belongs to the sentence before it: "So it is. [1] But why?" What is
    said twice, as small models do, is said once.
    """
    if _UNKNOWING.match(text):
        return None
    found: list[str] = []
    for piece in split(text.strip()):
        leading = _LEADING_MARKERS.match(piece)
        if found and leading:
            found[-1] += f" {leading[0].strip()}"
            piece = piece[leading.end() :].strip()  # noqa: PLW2901 - the rest of the piece
        if claimed(piece):
            found.append(piece)
    return list({claimed(one): one for one in found}.values())


def read(profile: Profile, text: str) -> tuple[YesNo | None, list[str] | None]:
    """What a model wrote: the verdict of `yes_no`, and its sentences; None if it doesn't know."""
    if profile != "yes_no":
        return None, answer_sentences(text)
    word, rest = without_verdict(text)
    return word, answer_sentences(rest) if word else None


def without_verdict(text: str) -> tuple[YesNo | None, str]:
    """The yes, no or maybe that a text begins with, if it does, and what follows."""
    said = _YES_NO.match(text)
    if said is None:
        return None, text
    word: YesNo = _WORDS[said[1].lower()]
    return word, text[said.end() :]


def with_verdict(found: Verdict, word: YesNo) -> Verdict:
    """The verdict in front of the words that speak for it."""
    if found.status != "answered":
        return found
    return replace(found, text=f"{word.capitalize()}. {found.text}", yes_no=word)


def within(sentences: Sequence[str], most_words: int) -> list[str]:
    """The first sentences that stay within a number of words together, but at least one."""
    counts = accumulate(len(without_markers(sentence).split()) for sentence in sentences)
    fitting = sum(count <= most_words for count in counts)
    return list(sentences[: max(1, fitting)])


def could_leave(
    answer: Sequence[str], passages: Sequence[Sentence], held: Known, rules: Rules
) -> bool:
    """Whether it depends on grades that a model's own words leave; many are refuted without.

    Args:
        answer: see `decide`.
        passages: likewise.
        held: likewise.
        rules: likewise.
    """
    own = [claimed(text) for text in within(answer, rules.most_words)]
    return rules.on_unsupported == "flag" or tenable(own, passages, held)


def decide(
    answer: Sequence[str] | None,
    passages: Sequence[Sentence],
    hits: Sequence[Hit],
    held: Known,
    relevance: NDArray[np.float32],
    near: NDArray[np.float32],
    rules: Rules,
) -> Verdict:
    """Hold a model's answer against the passages.

    Each of its sentences must be borne out, and one by a sentence that answers the question: a
    true sentence about something else is no answer, even word for word.

    Args:
        answer: its n sentences, with markers; None if the model said that it doesn't know.
        passages: the m sentences of the passages, m above 0.
        hits: the passages as numbered in the prompt.
        held: letter by letter by the passages, see `evidence.known`.
        relevance: of each of the m to the question, 0..1.
        near: how much each of the m supports each of the n, 0..1: [n, m].
        rules: thresholds.
    """
    if answer is None:
        return ABSTAINED
    answer = within(answer, rules.most_words)
    own = [claimed(text) for text in answer]
    checked = supports(own, near[: len(own)], passages, held)
    holds = all(support.score >= rules.support_threshold for support in checked)
    answers = any(relevance[support.best] >= _TO_THE_POINT for support in checked)
    if checked and ((holds and answers) or rules.on_unsupported == "flag"):
        return _own_words(answer, checked, passages, hits, rules.support_threshold)
    if rules.on_unsupported == "abstain":
        return ABSTAINED
    return quotes(passages, hits, relevance, rules)


def _own_words(
    answer: Sequence[str],
    checked: Sequence[Support],
    passages: Sequence[Sentence],
    hits: Sequence[Hit],
    threshold: float,
) -> Verdict:
    """The model's sentences, each citing the passage that supports it best.

    A marker that the model set itself does not count: small models set them at random. Nor does
    a quotation mark: it stays where the cited sentence says just that. A sentence without support,
    which only `flag` lets pass, cites nothing and quotes nothing.
    """
    text, citations = [], {}
    for said, support in zip(answer, checked, strict=True):
        nearest = passages[support.best]
        if support.score >= threshold:
            text.append(with_markers(shown(said, nearest.text), [nearest.number]))
            citations[nearest.text] = cite(nearest, hits)
        else:
            text.append(support.text)
    mean = sum(support.score for support in checked) / len(checked)
    return Verdict(
        "answered",
        " ".join(text),
        tuple(citations.values()),
        support=round(mean, 4),
        sentences=tuple(
            SupportedSentence(text=said, support=round(support.score, 4))
            for said, support in zip(text, checked, strict=True)
        ),
    )


def quotes(
    passages: Sequence[Sentence],
    hits: Sequence[Hit],
    relevance: NDArray[np.float32],
    rules: Rules,
) -> Verdict:
    """The sentences that answer the question best, verbatim, in the order in which they stand.

    Args:
        passages: the m sentences of the passages.
        hits: the passages as numbered in the prompt.
        relevance: of each sentence, [m], 0..1.
        rules: thresholds.
    """
    best = sorted(rank(relevance, threshold=rules.evidence_threshold, most=_MOST_QUOTES))
    if not best:
        return ABSTAINED
    chosen = [passages[index] for index in best]
    text = [f"“{found.text}” [{found.number}]" for found in chosen]
    return Verdict(
        "answered",
        " ".join(text),
        tuple(cite(found, hits) for found in chosen),
        support=1.0,
        sentences=tuple(SupportedSentence(text=said, support=1.0) for said in text),
        extracted=True,
    )
