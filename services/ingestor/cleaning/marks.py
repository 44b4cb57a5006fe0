"""Raised characters: marks that lead to a note or a source, and exponents.

"model⁴⁹" set small and high comes out of a PDF as "model49", a word that nobody searches for, and
"10⁻³" as "10-3", another number. Marks behind a word are left out, for what they lead to is not
there; exponents are written with the superscript characters that Unicode has.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

_RAISED = str.maketrans("0123456789+-−–=()n◦o", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿ°°")  # noqa: RUF001 - minus signs as fonts have them
_EXPONENT = re.compile(r"[\d+\-−–=()n.,/ ]+|[◦o]")  # noqa: RUF001 - as above
_NUMBERS = re.compile(r"[(\[]?\d{1,4}(?:\s?[,;–—-]\s?\d{1,4})*[,;]?[)\]]?")  # noqa: RUF001 - ranges
_SIGNS = re.compile(r"[*†‡§¶#∗⋆,\s]+|[a-z](?:\s?,\s?[a-z*†‡])*\)?")  # noqa: RUF001 - a star as TeX sets it
_ORDINAL = re.compile(r"st|nd|rd|th|er|re|e|o|a")
_WORD_BEFORE = re.compile(r"[^\W\d_]{3}$|[.,;:!?)\]”’\"'»%]$")  # noqa: RUF001 - closing quotes
_FUNCTION = re.compile(r"(?<![^\W\d_])(?:sin|cos|tan|cot|log|exp|det|sinh|cosh|tanh)$")
_CLOSED = re.compile(r"\s*[.,;:)\]]")


def resolved(runs: Iterable[tuple[str, bool]]) -> str:
    """Write a line's characters, with what is raised among them made plain.

    Args:
        runs: characters in reading order, each with whether it is small and high.
    """
    done = ""
    dropped = False
    for raised, group in groupby(runs, key=itemgetter(1)):
        text = "".join(letter for letter, _ in group)
        if raised:
            written = _written(done, text)
            dropped = not written.strip()
        else:
            if dropped and _CLOSED.match(text):
                done, text = done.rstrip(), text.lstrip()
            written, dropped = text, False
        done += written
    return done


def _written(before: str, text: str) -> str:
    """Write one raised run behind the text before it."""
    mark, room = text.strip(), " " if text.endswith(" ") else ""
    if not before.strip():
        return f"{mark} "  # the number of a note
    if _is_mark(before, mark):
        return room
    if _ORDINAL.fullmatch(mark) and before[-1:].isdigit() and mark not in ("o", "a"):
        return text
    if _EXPONENT.fullmatch(mark):
        return mark.translate(_RAISED) + room
    return text


def _is_mark(before: str, mark: str) -> bool:
    """Whether a raised run leads to a note or a source: it stands behind a word or a sentence."""
    if not (_NUMBERS.fullmatch(mark) or _SIGNS.fullmatch(mark)):
        return False
    return bool(_WORD_BEFORE.search(before)) and not _FUNCTION.search(before)
