"""How much of a truth a reader gives: its sentences whole, and in order. Pure.

A sentence is whole if all its words stand next to each other, with nothing between them: no half of
the other column, no running head, no number of a note, no word cut by a line's end. Punctuation,
capitals and ligatures are a matter of taste and count for nothing.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import msgspec

_WORD = re.compile(r"[^\W_]+")


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences of a truth, counted.

    Attributes:
        sentences: how many there are.
        whole: come out whole.
        ordered: come out whole, and behind those before them.
        lettered: come out with all their letters next to each other, wherever words are cut.
    """

    sentences: int = 0
    whole: int = 0
    ordered: int = 0
    lettered: int = 0


def measure(truth: Sequence[str], text: str) -> Share:
    """Look for each sentence of a truth in what a reader gave.

    Args:
        truth: in the order of reading.
        text: the whole document's.
    """
    read = _words(text)
    places = [_places(_words(sentence), read) for sentence in truth]
    letters = read.replace(" ", "")
    return Share(
        sentences=len(truth),
        whole=sum(map(bool, places)),
        ordered=_longest_ascent(places),
        lettered=sum(_words(sentence).replace(" ", "") in letters for sentence in truth),
    )


def total(shares: Iterable[Share]) -> Share:
    """Add up the counts of several documents."""
    held = list(shares)
    return Share(
        **{name: sum(getattr(one, name) for one in held) for name in Share.__struct_fields__}
    )


def _words(text: str) -> str:
    """Give the words alone, one space around each."""
    plain = unicodedata.normalize("NFKC", text).replace("\u00ad", "").casefold()
    return f" {' '.join(_WORD.findall(plain))} "


def _places(sentence: str, text: str) -> list[int]:
    """Find all offsets at which a sentence begins."""
    return [found.start() for found in re.finditer(f"(?={re.escape(sentence)})", text)]


def _longest_ascent(places: Sequence[Sequence[int]]) -> int:
    """Count the sentences of the longest series that stands in order, one place for each."""
    ends: list[int] = []  # the least place at which a series of each length can end
    for candidates in places:
        for place in reversed(candidates):
            at = bisect_left(ends, place)
            ends[at : at + 1] = [place]
    return len(ends)
