"""Lists of literature that no heading announces, as some journals set them."""

# ruff: noqa: RUF001 - dashes and apostrophes as publishers set them

import re
from collections.abc import Sequence
from dataclasses import replace

from services.ingestor.cleaning.headings import SEPARATOR, is_references
from services.ingestor.text import Block

_YEAR = re.compile(r"\b(?:1[6-9]|20)\d\d[a-z]?\b")
_INITIALS = re.compile(r"\b[A-Z]\.(?:[\s-]?[A-Z]\.)*(?=[\s,])")
_START = re.compile(r"[\[(]?\d{1,3}[\])]?[.\s]\s?[A-Z]|[A-ZÀ-Þ][\w’'-]+,? (?:[A-Z]\.?[\s,]|and )")
_PLACE = re.compile(
    r"\d+\s?[–-]\s?\d+|\b\d+, \d+\b|\bdoi\b|\bpp?\.|\bed(?:s|\.)|\bvol\.|arXiv", re.IGNORECASE
)
_FEWEST = 5
_LONGEST = 700  # characters of an entry
_MISSES = 2  # paragraphs in a row that are none: the halves of entries


def marked(blocks: Sequence[Block]) -> list[Block]:
    """Mark the entries of a list of literature at a document's end, if no heading did.

    Every entry gets a section that says what it is.

    Args:
        blocks: of the whole document, in reading order.
    """
    done = list(blocks)
    if not any(block.kind == "reference" for block in done):
        for at in _tail(done):
            done[at] = replace(done[at], kind="reference")
    return [_placed(block) if block.kind == "reference" else block for block in done]


def _tail(blocks: Sequence[Block]) -> range:
    """Find the run of entries that a document ends with; empty if there are too few."""
    first, found, misses = len(blocks), 0, 0
    for at in range(len(blocks) - 1, -1, -1):
        if blocks[at].kind == "paragraph" and _is_entry(blocks[at].text):
            first, found, misses = at, found + 1, 0
        else:
            misses += 1
        if misses > _MISSES:
            break
    return range(first, len(blocks)) if found >= _FEWEST else range(0)


def _is_entry(text: str) -> bool:
    """Whether a paragraph names a work: who, when and where."""
    signs = (_YEAR, _INITIALS, _START, _PLACE)
    return (
        len(text) <= _LONGEST and sum(bool(sign.search(text)) for sign in signs) >= len(signs) - 1
    )


def _placed(block: Block) -> Block:
    """Put an entry into a section of that name."""
    if is_references(block.section):
        return block
    path = block.section.split(SEPARATOR)[:1] if block.section else []
    return replace(block, section=SEPARATOR.join([*path, "References"]))
