"""A line of a page with its place and type, the one thing all cleaning of PDFs works on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.ingestor.cleaning import marks
from services.ingestor.cleaning.characters import is_leftwards

_CLOSING = (".", ",", ";", ":", ")")
_NO_ROOM = 0.15  # of the font's size: narrower than any space between words


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Text on one baseline: a piece of a row, or a whole row of a column.

    Lengths are in points (1/72 inch), y grows upwards.

    Attributes:
        text: without line break, whitespace at neither end.
        page: 1-based.
        left: x of its first glyph's left edge.
        right: x of its last glyph's right edge.
        base: y of its baseline.
        size: of the font, above 0.
        bold: all of it is set in a bold font.
        cells: of a row, its pieces from the left, each parted from the next by more than a space.
    """

    text: str
    page: int
    left: float
    right: float
    base: float
    size: float
    bold: bool = False
    cells: tuple["Line", ...] = ()

    @property
    def top(self) -> float:
        """Height of a capital letter above the page's bottom."""
        return self.base + 0.75 * self.size

    @property
    def bottom(self) -> float:
        """Depth of a descender above the page's bottom."""
        return self.base - 0.25 * self.size

    @property
    def width(self) -> float:
        """From its left to its right edge."""
        return self.right - self.left

    def raised(self, main: "Line") -> bool:
        """Whether it is an exponent or the mark of a note beside `main`."""
        return self.base - main.base > 0.2 * main.size and self.size < 0.85 * main.size

    def beside(self, other: "Line") -> bool:
        """Whether both stand on one row: half of the smaller one's height is shared."""
        shared = min(self.top, other.top) - max(self.bottom, other.bottom)
        return shared > 0.5 * min(self.size, other.size)


def row(lines: Iterable[Line]) -> Line:
    """Join pieces that stand beside each other to one line.

    Args:
        lines: at least one, in any order.
    """
    pieces = sorted(lines, key=lambda line: line.left)
    main = max(pieces, key=lambda line: len(line.text))
    leftwards = is_leftwards(main.text)
    return Line(
        text=_side_by_side(pieces[::-1] if leftwards else pieces, main),
        page=main.page,
        left=pieces[0].left,
        right=max(piece.right for piece in pieces),
        base=main.base,
        size=main.size,
        bold=all(piece.bold for piece in pieces),
        cells=tuple(pieces),
    )


def _side_by_side(pieces: Sequence[Line], main: Line) -> str:
    """Join pieces' texts, with a space where there is room for one."""
    runs = [(pieces[0].text, False)]
    for before, after in pairwise(pieces):
        gap = min(abs(after.left - before.right), abs(before.left - after.right))
        close = gap < _NO_ROOM * main.size
        raised = close and after.raised(main)
        tight = raised or (close and after.text.startswith(_CLOSING))
        runs += [(after.text, raised)] if tight else [(" ", False), (after.text, False)]
    return marks.resolved(runs)


def rows(lines: Iterable[Line]) -> list[Line]:
    """Join the pieces of one column to rows, top to bottom."""
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda piece: -piece.base):
        # Two rows back: a superscript may lie between a row and its next piece.
        home = next((r for r in found[-2:] if line.beside(max(r, key=lambda p: p.size))), None)
        if home is None:
            found.append([line])
        else:
            home.append(line)
    return [row(pieces) for pieces in found]


def body_size(lines: Iterable[Line]) -> float:
    """Find the font size, in points, that most characters are set in; 10 for no lines."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def leading(lines: list[Line], size: float) -> float:
    """Find the usual distance, in points, between baselines of rows set in `size`."""
    steps: Counter[float] = Counter()
    for above, below in pairwise(lines):
        step = above.base - below.base
        body = abs(below.size - size) < 1 and abs(above.size - size) < 1
        if body and 0.9 * size < step < 2.5 * size:
            steps[round(step * 2) / 2] += 1
    return steps.most_common(1)[0][0] if steps else 1.2 * size
