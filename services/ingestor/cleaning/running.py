"""Running heads, running feet and page numbers: found by their coming again, and taken out."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from services.ingestor.cleaning.lines import Line

_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"[\W_]*(?:page|p\.|seite)?\s*(?:\d{1,4}|[ivxlc]{1,6})(?:\s*(?:of|/|von)\s*\d{1,4})?[\W_]*",
    re.IGNORECASE,
)
_LONGEST_NUMBER = 60  # characters: "- Page 12 of 30 -", with room
_EDGE_ROWS = 2
_MANY_PAGES = 5
_SHARE = 0.25
_GRID = 4  # points by which a head may move from page to page


def without_running(pages: Sequence[list[Line]]) -> list[list[Line]]:
    """Take the running heads, feet and page numbers out of every page.

    Text counts as running if it stands, digits apart, at the same height among the first or last
    two rows of a quarter of the pages (of two, where there are fewer than five pages).

    Args:
        pages: the pieces of text of each page, in any order.
    """
    edges = [frozenset(_edge(lines)) for lines in pages]
    seen: Counter[tuple[str, int]] = Counter()
    for edge in edges:
        seen.update({key for line in edge for key in _keys(line)})
    needed = 2 if len(pages) < _MANY_PAGES else max(3, math.ceil(_SHARE * len(pages)))
    running = {key for key, count in seen.items() if count >= needed}
    return [
        [line for line in lines if not (line in edge and _is_running(line, running, lines))]
        for lines, edge in zip(pages, edges, strict=True)
    ]


def _is_running(line: Line, running: set[tuple[str, int]], page: list[Line]) -> bool:
    """Whether a line at the edge comes again, or is a number alone below all else."""
    if any(key in running for key in _keys(line)):
        return True
    if len(line.text) > _LONGEST_NUMBER or not _PAGE_NUMBER.fullmatch(line.text):
        return False
    alone = not any(other is not line and other.base < line.base + line.size for other in page)
    return alone and len(page) > 1


def _edge(lines: list[Line]) -> list[Line]:
    """Find the pieces on the first and last two rows of a page."""
    heights = sorted({round(line.base / 3) for line in lines})
    outer = set(heights[:_EDGE_ROWS] + heights[-_EDGE_ROWS:])
    return [line for line in lines if round(line.base / 3) in outer]


def _keys(line: Line) -> list[tuple[str, int]]:
    """Name a line by its text without digits and its height, on two grids half a step apart."""
    text = _DIGITS.sub("#", line.text).casefold()
    return [(text, 2 * round(line.base / _GRID)), (text, 2 * math.floor(line.base / _GRID) + 1)]
