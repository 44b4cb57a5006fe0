"""Who wrote a paper, and its DOI, from what a PDF tells: its metadata and its first page."""

# ruff: noqa: RUF001 - apostrophes as publishers set them

import re
from collections.abc import Iterable, Sequence

from services.ingestor.cleaning.characters import one_line
from services.ingestor.text import Block

_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>]+", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:[,;&•·|]|\band\b|\bund\b)\s*")  # between names in a row
_NAME = re.compile(
    r"(?:(?:[A-ZÀ-Þ]\.-?)+|[^\W\d_][^\W\d_’'-]*(?:[’'-][^\W\d_]+)*\.?)"
    r"(?: (?:(?:[A-ZÀ-Þ]\.-?)+|[^\W\d_][^\W\d_’'-]*(?:[’'-][^\W\d_]+)*\.?)){1,4}"
)  # fmt: skip
_SMALL = frozenset(
    ("de", "da", "di", "del", "van", "von", "der", "den", "la", "le", "el", "al", "bin")
)
_NO_NAMES = re.compile(
    r"\b(?:university|institute|department|school|college|centre|center|laboratory|journal|version|"
    r"received|abstract|society|editors?|research|foundation|user|admin|unknown|microsoft)\b",
    re.IGNORECASE,
)
_LOOKED_AT = 4  # blocks below a title


def authors(told: str, blocks: Sequence[Block]) -> tuple[str, ...]:
    """Find the authors' names.

    Args:
        told: of the metadata, "" for none.
        blocks: of the document, in reading order.

    Returns:
        Names as they are written; empty where nothing looks like a row of names.
    """
    top = [block.text for block in blocks[:_LOOKED_AT] if block.page == 1 and not block.section]
    rows = (row for row in (told, *top) if row)
    return next(filter(None, map(_names, rows)), ())


def doi(texts: Iterable[str]) -> str:
    """Find the first DOI in the metadata and lines of a first page, lower case; "" for none."""
    for text in texts:
        found = _DOI.search(text)
        if found:
            return found[0].rstrip(".,;:)]}").lower()
    return ""


def _names(row: str) -> tuple[str, ...]:
    """Split a row into names, if it is nothing else."""
    if _NO_NAMES.search(row) or len(row) > 2_000:  # noqa: PLR2004 - 100 authors
        return ()
    parts = tuple(filter(None, _BETWEEN.split(one_line(row))))
    return parts if parts and all(map(_is_name, parts)) else ()


def _is_name(text: str) -> bool:
    """Whether a text is written as a person's name: several words, the small ones known."""
    if not _NAME.fullmatch(text):
        return False
    return all(word[0].isupper() or word in _SMALL for word in text.split())
