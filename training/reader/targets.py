"""What the reader should say: a few of the passages' own sentences, each with its number. Pure."""

import re
from collections.abc import Sequence

from services.generator.verdict import DONT_KNOW

MOST_SENTENCES, MOST_WORDS = 2, 70
FEWEST, LONGEST = 5, 70  # words of a sentence that is worth quoting
_WHOLE = re.compile(r"^[\"'“(]?[A-Z0-9].*[.!?][\"'”)]?$", re.DOTALL)
_ENDED = re.compile(r"[.!?][\"'”)]?$")


def quotable(sentence: str) -> bool:
    """Whether it reads as a sentence: a beginning, an end, neither a heading nor half a page."""
    return bool(_WHOLE.match(sentence)) and FEWEST <= len(sentence.split()) <= LONGEST


def best(
    candidates: Sequence[tuple[str, float]], most: int = MOST_SENTENCES, words: int = MOST_WORDS
) -> list[str]:
    """The best candidates that together are short enough, in their own order.

    Args:
        candidates: sentences with their worth, as they stand in the text. Those that read as
            sentences go before all others.
        most: sentences; one is always taken if there is any.
        words: of all together.
    """
    order = sorted(
        range(len(candidates)),
        key=lambda one: (not quotable(candidates[one][0]), -candidates[one][1], one),
    )
    kept: list[int] = []
    for place in order:
        cost = len(candidates[place][0].split())
        if len(kept) < most and (cost <= words or not kept):
            kept.append(place)
            words -= cost
    return [candidates[place][0] for place in sorted(kept)]


def quoted(sentences: Sequence[str], passages: Sequence[str]) -> str | None:
    """Sentences of the passages in quotes, each with the number of the first that holds it.

    So every answer begins with the same word, a quotation mark. The model decides between that and
    the "I" of "I don't know" at once, and only then which of many sentences to begin with.

    Returns:
        None if some sentence stands in no passage, or there is none.
    """
    said = []
    for sentence in sentences:
        number = next((n for n, text in enumerate(passages, 1) if sentence in text), None)
        if number is None:
            return None
        said.append(f"“{_ended(sentence)}” [{number}]")
    return " ".join(said) or None


def dont_know() -> str:
    """What to say where the passages hold no answer: the words that the product knows it by."""
    return DONT_KNOW


def _ended(sentence: str) -> str:
    return sentence if _ENDED.search(sentence) else sentence.rstrip(" ,;:") + "."
