"""Tables: rows that the same corridors of white run through from the first to the last."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from services.ingestor.cleaning.characters import one_line
from services.ingestor.cleaning.lines import Line

BAR = " | "
_FEWEST_ROWS = 3
_CORRIDOR = 0.8  # of the font's size: no narrower white parts cells
_ROOM = 2.6  # of the font's size: rows further apart belong to two tables
_CLOSEST = 0.85  # of the font's size: rows closer than that are the parts of a formula
_LEVEL = 0.1  # of the font's size: baselines of one row may differ by so much
_LONGEST_CELL = 45  # characters: a longer one is a line of a column of text
_EXCEPTIONS = 0.25  # share of rows that may run across the corridors, as titles within a table do
_LABEL = re.compile(
    r"[(\[]?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)\]]|[•▪‣◦●■–—*-]|\d{1,2}(?:\.\d{1,2})*|[A-Z]",  # noqa: RUF001 - a dash marks items
    re.IGNORECASE,
)
_LEADER = re.compile(r"(?:\. ?){4,}")
_SIGN = re.compile(r"[=≈≤≥∑∏∫√]")
_CONTENT = re.compile(r"[^\W\d_]{2}|\d")

Corridor = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table's place among the rows of a column.

    Attributes:
        start: its first row.
        end: the row after its last.
        corridors: left and right edge of the white between its columns, from the left.
    """

    start: int
    end: int
    corridors: tuple[Corridor, ...]


def find(rows: Sequence[Line]) -> list[Table]:
    """Find the tables among the rows of one column.

    Args:
        rows: top to bottom, see `lines.rows`.
    """
    found: list[Table] = []
    start = 0
    while start < len(rows):
        table = _from(rows, start)
        if table and _is_table(rows[table.start : table.end], table.corridors):
            found.append(table)
            start = table.end
        else:
            start += 1
    return found


def text(rows: Sequence[Line], table: Table) -> str:
    """Write a table's rows as lines, their cells parted by bars.

    A row that fills one column alone goes on with the cell above it.
    """
    lines: list[list[str]] = []
    for row in rows[table.start : table.end]:
        cells = _cells(row, table.corridors)
        filled = [number for number, cell in enumerate(cells) if cell]
        if lines and filled == [len(cells) - 1]:
            lines[-1][-1] = f"{lines[-1][-1]} {cells[-1]}".strip()
        elif filled:
            lines.append(cells)
    return "\n".join(BAR.join(cells).strip() for cells in lines)


def across(rows: Sequence[Line], gutter: float) -> list[Line]:
    """Find the pieces of tables that run across both columns of a page.

    Args:
        rows: of the page, over its whole width.
        gutter: x at which the columns are parted.
    """
    found: list[Line] = []
    for table in find(rows):
        sides = {left > gutter for left, right in table.corridors if not left <= gutter <= right}
        inside = rows[table.start : table.end]
        level = sum(_is_level(row) for row in inside)
        if len(sides) == 2 and 5 * level >= 4 * len(inside):  # noqa: PLR2004 - parted left and right
            found += [piece for row in inside for piece in row.cells]
    return found


def _is_level(row: Line) -> bool:
    """Whether a row's pieces share a baseline, as those of two columns' lines need not."""
    return all(abs(piece.base - row.base) < _LEVEL * row.size for piece in row.cells)


def _from(rows: Sequence[Line], start: int) -> Table | None:
    """Follow the corridors that begin in a row downwards, as far as one is left."""
    corridors = _gaps(rows[start])
    end, passed = start + 1, 0
    for at in range(start + 1, len(rows)):
        step = rows[at - 1].base - rows[at].base
        if not corridors or not _CLOSEST * rows[start].size < step < _ROOM * rows[start].size:
            break
        left = _through(corridors, rows[at])
        if left and _parts(left, rows[at]):
            corridors, end, passed = left, at + 1, 0
        elif left and passed == 0:
            end, passed = at + 1, 1  # the rest of a cell
        elif passed:
            break
        else:
            passed = 1  # a title within the table, if it goes on below
    if passed and end == start + 1:
        return None
    return Table(start=start, end=end, corridors=tuple(corridors)) if corridors else None


def _is_table(rows: Sequence[Line], corridors: Sequence[Corridor]) -> bool:
    """Whether rows with common corridors are a table, and no list, formula or contents."""
    parted = [row for row in rows if _parts(corridors, row)]
    if len(parted) < max(_FEWEST_ROWS, (1 - _EXCEPTIONS) * len(rows)):
        return False
    cells = [cell for row in parted for cell in _cells(row, corridors) if cell]
    size = median(row.size for row in parted)
    alike = sum(abs(row.size - size) < 0.12 * size for row in parted)
    listed = len(corridors) == 1 and 2 * sum(_is_item(row, corridors) for row in parted)
    return (
        median(map(len, cells)) <= _LONGEST_CELL
        and 4 * sum(len(cell) > _LONGEST_CELL for cell in cells) < len(cells)
        and 4 * sum(_SIGN.search(cell) is not None for cell in cells) < len(cells)
        and 3 * sum(_CONTENT.search(cell) is not None for cell in cells) > 2 * len(cells)
        and listed < len(parted)
        and not any(_LEADER.search(cell) for cell in cells)
        and 4 * alike > 3 * len(parted)
    )


def _is_item(row: Line, corridors: Sequence[Corridor]) -> bool:
    """Whether a row is a list's item or a heading in a table of contents: a label and words."""
    label, words = _cells(row, corridors)
    return _LABEL.fullmatch(label) is not None and words[:1].isalpha()


def _gaps(row: Line) -> list[Corridor]:
    """Give the white between a row's pieces that is wide enough for a corridor."""
    edges = ((a.right, b.left) for a, b in pairwise(row.cells))
    return [(left, right) for left, right in edges if right - left >= _CORRIDOR * row.size]


def _through(corridors: Sequence[Corridor], row: Line) -> list[Corridor]:
    """Narrow corridors to what a row leaves of them; those that it blocks are gone."""
    found = list(corridors)
    for piece in row.cells:
        found = [part for corridor in found for part in _beside(corridor, piece)]
    return [(left, right) for left, right in found if right - left >= _CORRIDOR * row.size]


def _beside(corridor: Corridor, piece: Line) -> list[Corridor]:
    """Give what a piece leaves of a corridor: all of it, one side, both or nothing."""
    left, right = corridor
    if piece.right <= left or piece.left >= right:
        return [corridor]
    parts = ((left, min(right, piece.left)), (max(left, piece.right), right))
    return [part for part in parts if part[1] > part[0]]


def _parts(corridors: Sequence[Corridor], row: Line) -> bool:
    """Whether a row has text on both sides of a corridor, and none within it."""
    return any(
        any(piece.right <= left for piece in row.cells)
        and any(piece.left >= right for piece in row.cells)
        and all(piece.right <= left or piece.left >= right for piece in row.cells)
        for left, right in corridors
    )


def _cells(row: Line, corridors: Sequence[Corridor]) -> list[str]:
    """Give a row's text in each column, "" where it has none."""
    cells: list[list[str]] = [[] for _ in range(len(corridors) + 1)]
    for piece in row.cells:
        middle = (piece.left + piece.right) / 2
        cells[sum(right < middle for _, right in corridors)].append(piece.text)
    return [one_line(" ".join(cell)) for cell in cells]
