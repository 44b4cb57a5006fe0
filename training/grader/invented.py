"""Questions made from sentences by rules, as people type them: "when tower built". Pure."""

import random
import re
from dataclasses import dataclass

_YEAR = re.compile(
    r"(?:\b(?:[Ii]n|[Oo]n|since|until) )?(?:\d{1,2} )?(?:[A-Z][a-z]+ )?\b(?:1[5-9]\d\d|20\d\d)\b"
)
_COUNT = re.compile(r"\b(\d[\d,.]*) ([a-z]{4,}s)\b")
_PERSON = re.compile(r"\b(?:[A-Z][a-z]+ ){1,2}[A-Z][a-z]+\b")
_IS = re.compile(
    r"^(?:The |A |An )?([A-Z][\w'-]*(?: [\w'-]+){0,3}) (?:is|are|was|were) (?:a|an|the) "
)
_WORD = re.compile(r"[^\W_][\w'-]*")
_SMALL = frozenset(
    """
    the and for that with this was were are has had have been its their which from also such
    than then these those there into onto not but can may who whose when where of in on at to by
    is as an it or be he she his her they
    """.split()  # noqa: SIM905 - a list of words reads best as a text
)
FEWEST_WORDS, MOST_WORDS = 3, 7


@dataclass(frozen=True, slots=True)
class Invented:
    """A question, and its sentence with the answer taken out (None where that cannot be done)."""

    question: str
    without_answer: str | None


def invented_question(sentence: str, random_source: random.Random) -> Invented | None:
    """A question that the sentence answers; None if it says too little."""
    if found := _IS.search(sentence):
        return Invented(f"what is {found[1].lower()}", None)
    for pattern, ask in ((_YEAR, "when"), (_COUNT, "how many"), (_PERSON, "who")):
        if found := pattern.search(sentence):
            rest = sentence[: found.start()] + sentence[found.end() :]
            head = f"{ask} {found[2]}" if pattern is _COUNT else ask
            words = _few_words(rest, random_source)
            return Invented(f"{head} {words}", rest) if words else None
    words = _few_words(sentence, random_source)
    asked = random_source.choice(("what", "how", "which", "where", "why"))
    return Invented(f"{asked} {words}", None) if words else None


def _few_words(text: str, random_source: random.Random) -> str:
    """Some of the words that say something, in their order; "" if they are too few."""
    words = [word.lower() for word in _WORD.findall(text) if word.lower() not in _SMALL]
    if len(words) < FEWEST_WORDS:
        return ""
    count = min(len(words), random_source.randint(FEWEST_WORDS, MOST_WORDS))
    start = random_source.randint(0, len(words) - count)
    return " ".join(words[start : start + count])
