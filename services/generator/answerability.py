"""Is the answer in the passages at all? A calibrated probability, before anything is generated.

Pure. A small logistic model over five signs, each of which says something by itself: what the
grader makes of sentences that it reads together, and of the best one alone, how near the nearest
lies to the question, how many of its words they hold, and whether what it asks for (an address, a
number) stands there. Its weights were fitted by `training/grader/calibrate.py` on papers and
questions that the grader was not trained on.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

WINDOW_WORDS = 100  # that the grader reads at once for a question: some 150 of its tokens
CLAIM_WORDS = 140  # that it reads for a sentence of an answer, whose evidence lies near to it
_CALIBRATION = Path(__file__).parent / "calibration.json"
_EXAMPLES = re.compile(r"\(\s*e\.?\s?g\.?[^)]*\)|\bsuch as\b.*", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]{2,}(?:[-'’][^\W_]+)*")  # noqa: RUF001 - the printed apostrophe
_STEM = 5  # letters by which two forms of a word are taken for one
_CERTAIN = 1e-6  # probabilities this near to 0 or 1 count as that far
_COMMON = frozenset(
    """
    a about all also an and any are as at be been being but by can could did do does for
    from had has have how if in into is it its many more most much of on one only or other
    our out over per so some such than that the their them then there these they this
    those to under up use used uses using was we were what when where which while who whom
    whose why will with would you your give list name tell describe explain
    """.split()  # noqa: SIM905 - a list of words reads best as a text
)
_ADDRESS = r"https?://|www\.|\bdoi\b|10\.\d{4,}/|\b[\w-]+\.(?:com|org|io|net|edu)\b"
_LINK = r"\b(?:links?|urls?|web ?sites?|doi|repositor(?:y|ies))\b"
_OF_DATA = r"\b(?:data|images|recordings|zenodo|figshare|dryad|gbif|pangaea|osf\b)"
_OF_CODE = r"\b(?:code|script|software|package|implementation|github|gitlab|bitbucket)"
# (what asks for it, what it is, what its sentence speaks of); the first that fits is looked for
_ASKED = tuple(
    tuple(re.compile(one) for one in row)
    for row in (
        (rf"(?i)\bdata\b.*{_LINK}|{_LINK}.*\bdata\b", _ADDRESS, rf"(?i){_OF_DATA}"),
        (rf"(?i)\bcode\b.*{_LINK}|{_LINK}.*\bcode\b", _ADDRESS, rf"(?i){_OF_CODE}"),
        (rf"(?i){_LINK}", _ADDRESS, ""),
        (
            r"(?i)\bhow (?:many|much|old|long|large|far|often|big|tall)\b|\bnumber of\b",
            r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred)\b",
            "",
        ),
        (
            r"(?i)\bwhen\b|\b(?:which|what) (?:year|date|month|day)\b",
            r"\b\d{4}\b|\b\d{1,2}(?:st|nd|rd|th)?\b|century|January|May\b|[A-Z][a-z]+ber\b",
            "",
        ),
        (r"(?i)\bwho\b|\bwhose\b", r"(?<=[a-z,] )[A-Z][a-z]+|[A-Z][a-z]+ [A-Z][a-z]+", ""),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What speaks for an answer.

    Attributes:
        answer: highest probability by the grader, of sentences read together, 0..1.
        strongest: highest support of a sentence by the grader, 0..1.
        nearest: highest similarity of a sentence to the question, 0..1.
        overlap: share of the question's focus terms that the sentences hold, 0..1.
        asked_for: 1 if what the question asks for stands there, -1 if not, 0 if it asks for nothing
            that can be told by its form.
    """

    answer: float
    strongest: float
    nearest: float
    overlap: float
    asked_for: float


class EvidenceWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fitted logistic model of a sentence: weights of the grader's log-odds and of likeness."""

    support: float
    near: float
    bias: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fitted logistic models.

    Attributes:
        weights: of each of `values`, by the sign's name.
        bias: log-odds where all values are 0.
        threshold: probability below which a question counts as unanswerable.
        evidence: says how likely a sentence is evidence.
    """

    weights: Mapping[str, float]
    bias: float
    threshold: float
    evidence: EvidenceWeights


@cache
def calibration() -> Calibration:
    """The calibration that belongs to the grader in model_repository."""
    return msgspec.json.decode(_CALIBRATION.read_bytes(), type=Calibration)


def windows(
    sentences: Sequence[str], near: Sequence[float], words: int = WINDOW_WORDS
) -> list[list[int]]:
    """Indices of the sentences that the grader reads together, those nearest to the question first.

    Each sentence, from the nearest on, goes into the first window that has room for it, so the
    first window holds the nearest that fit, the second the nearest of the rest, and so on.

    Args:
        sentences: of all passages.
        near: similarity of each to the question.
        words: most of a window; a longer sentence has one of its own.

    Returns:
        Each sentence once; a window's in their own order.
    """
    found: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(sentences)), key=lambda one: (-near[one], one)):
        cost = len(sentences[index].split())
        place = next((place for place, left in enumerate(room) if cost <= left), len(room))
        if place == len(room):
            found.append([])
            room.append(words)
        found[place].append(index)
        room[place] -= cost
    return [sorted(window) for window in found]


def spread(
    windows: Sequence[Sequence[int]], supports: Iterable[Sequence[float]], count: int
) -> list[float]:
    """The support of each of `count` sentences, NaN for those that the grader did not read.

    Args:
        windows: indices of the sentences that were read together.
        supports: for each window, of each of its sentences, NaN for those that found no room.
        count: of all sentences.
    """
    found = [math.nan] * count
    for window, support in zip(windows, supports, strict=True):
        for index, one in zip(window, support, strict=False):
            found[index] = one
    return found


def signs(
    question: str,
    sentences: Sequence[str],
    near: Sequence[float],
    answer: float,
    support: Sequence[float],
) -> Signs:
    """Gather the signs.

    Args:
        question: as asked.
        sentences: all of the passages', at least one.
        near: similarity of each to the question, 0..1.
        answer: the grader's highest probability for a window of them.
        support: that it gave each of them, NaN for those that found no room.
    """
    return Signs(
        answer=answer,
        strongest=max((one for one in support if not math.isnan(one)), default=0.0),
        nearest=max(near),
        overlap=overlap(question, " ".join(sentences)),
        asked_for=asked_for(question, sentences),
    )


def probability(signs: Signs, fitted: Calibration | None = None) -> float:
    """Probability that the passages hold an answer, 0..1."""
    fitted = fitted or calibration()
    seen = values(signs)
    return 1 / (1 + math.exp(-fitted.bias - sum(w * seen[k] for k, w in fitted.weights.items())))


def evidence(support: float, near: float, fitted: Calibration | None = None) -> float:
    """Probability that a sentence is evidence, 0..1; next to 0 for what the grader did not read.

    Args:
        support: by the grader, NaN for a sentence that it did not read.
        near: similarity to the question, or to the claim, 0..1.
        fitted: the calibration, if not that of this project's grader.
    """
    weights = (fitted or calibration()).evidence
    graded = log_odds(0.0 if math.isnan(support) else support)
    return 1 / (1 + math.exp(-weights.support * graded - weights.near * near - weights.bias))


def values(signs: Signs) -> dict[str, float]:
    """The signs as the logistic model weighs them: probabilities as log-odds."""
    return {
        "answer": log_odds(signs.answer),
        "strongest": log_odds(signs.strongest),
        "nearest": signs.nearest,
        "overlap": signs.overlap,
        "asked_for": signs.asked_for,
    }


def focus(question: str) -> frozenset[str]:
    """Stems of the words that say what a question is about, its "(e.g. …)" left out."""
    words = _WORD.findall(_EXAMPLES.sub(" ", question).lower())
    return frozenset(word[:_STEM] for word in words if word not in _COMMON)


def overlap(question: str, text: str) -> float:
    """Share of the question's focus terms that stand in a text; 1 if it has none."""
    wanted = focus(question)
    there = {word[:_STEM] for word in _WORD.findall(text.lower())}
    return len(wanted & there) / len(wanted) if wanted else 1.0


def asked_for(question: str, sentences: Sequence[str]) -> float:
    """Whether the kind of thing that a question asks for stands in a sentence; see `Signs`."""
    bare = _EXAMPLES.sub(" ", question)
    for asks, thing, about in _ASKED:
        if asks.search(bare):
            return (
                1.0 if any(thing.search(one) and about.search(one) for one in sentences) else -1.0
            )
    return 0.0


def log_odds(probability: float) -> float:
    """Log-odds of a probability, those of the nearly certain cut."""
    inside = min(max(probability, _CERTAIN), 1 - _CERTAIN)
    return math.log(inside / (1 - inside))
