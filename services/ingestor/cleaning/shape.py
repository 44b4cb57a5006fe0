"""The shape of rows: how they are set, the edges of their column, and what these say of them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.ingestor.cleaning.lines import Line

_NUMBERED_ITEM = re.compile(r"\(?(?:\d{1,2}|[ivx]{1,4}|[a-z])[.)]\s")
_TO_PAGE = re.compile(r"\s\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How a document's running text is set, in points.

    Attributes:
        size: of its font.
        leading: from baseline to baseline.
    """

    size: float
    leading: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The edges of a column, in points: where most rows begin, and how far the longest goes."""

    left: float
    right: float

    @classmethod
    def around(cls, rows: Sequence[Line]) -> "Frame":
        """Find the frame of at least one row."""
        lefts = Counter(round(row.left) for row in rows)
        often = [x for x, count in lefts.items() if count >= max(2, len(rows) // 8)]
        return cls(left=min(often or lefts), right=max(row.right for row in rows))

    def indents(self, row: Line) -> bool:
        """Whether a row begins to the right of the edge."""
        return row.left > self.left + 0.8 * row.size


def same_type(one: Line, other: Line) -> bool:
    """Whether two rows are set in one size."""
    return abs(one.size - other.size) < 0.12 * max(one.size, other.size)


def hangs(row: Line, above: Line) -> bool:
    """Whether a row goes on with a cut word, or with a numbered item whose further rows hang."""
    if above.text.endswith("-") and row.text[0].islower():
        return True
    return bool(_NUMBERED_ITEM.match(above.text)) and row.left > above.left + 0.8 * row.size


def is_listing(rows: Sequence[Line]) -> bool:
    """Whether rows are a table of contents' entries: half of them end in a page's number."""
    return 2 * sum(bool(_TO_PAGE.search(row.text)) for row in rows) >= len(rows)


def is_bold_text(row: Line, below: Sequence[Line]) -> bool:
    """Whether a row begins a paragraph that is bold throughout, as some journals set abstracts."""
    rows = [row, *below]
    close = all(a.base - b.base < 1.6 * row.size for a, b in pairwise(rows))
    alike = all(other.bold and same_type(row, other) for other in rows)
    return len(rows) == 3 and close and alike and row.width > 0.7 * rows[1].width  # noqa: PLR2004 - a heading has two rows at most
