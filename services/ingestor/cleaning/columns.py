"""The order in which a person reads a page: its columns, and what runs across them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from statistics import median

from services.ingestor.cleaning import tables
from services.ingestor.cleaning.characters import is_leftwards
from services.ingestor.cleaning.lines import Line, rows

# A gutter lies in the middle half of what it parts: tables have theirs anywhere.
_MIDDLE = (0.28, 0.72)
_CANDIDATES = 6
_OVERHANG = 10.0  # points that a long formula may reach over the gutter
_FILL = 0.5  # share of its column that a row of running text covers at least
_SIDE_BY_SIDE = 0.15  # share of the page's height where text stands on both sides
_LETTERS = 15  # a row of text has more characters, a table's cell fewer
_STRIP = 2.5  # of the font's size: white over the whole width that parts a table from the columns
_CROSSING = 0.3  # more lines than this run across it: the page has no such gutter


def common_gutter(pages: Sequence[list[Line]]) -> float | None:
    """Find the x, in points, at which most of a document's two-column pages are parted.

    Returns:
        None if fewer than a third of the pages have columns.
    """
    found = [x for x in map(find_gutter, pages) if x is not None]
    return median(found) if found and 3 * len(found) >= len(pages) else None


def regions(lines: list[Line], common: float | None = None) -> list[list[Line]]:
    """Cut a page into columns and full-width bands, and put them in reading order.

    Args:
        lines: pieces of text of one page, in any order.
        common: see `common_gutter`; used where the page alone does not tell, as on one with plots.

    Returns:
        Rows of each region, top to bottom.
    """
    gutter = _gutter(lines, common)
    if gutter is None:
        return [rows(lines)] if lines else []
    width = _extent(lines)
    leftwards = is_leftwards(" ".join(line.text for line in lines))
    parts: list[list[Line]] = []
    for band, wide in _bands(lines, gutter):
        if wide:
            parts.append(rows(band))
            continue
        sides = _sides(band, gutter)
        for side in reversed(sides) if leftwards else sides:
            # Only two of three columns are as wide as this, and may be parted once more.
            broad = _extent(side) > 0.55 * width
            parts.extend(regions(side) if broad else [rows(side)] if side else [])
    return parts


def _gutter(lines: list[Line], common: float | None) -> float | None:
    """Find a page's gutter: the document's where it fits, else the page's own."""
    own = find_gutter(lines)
    if common is None:
        return own
    crossing = _crossing(lines, common)
    most = _crossing(lines, own) if own is not None else _CROSSING * len(lines)
    return common if crossing <= most and crossing < len(lines) else own


def find_gutter(lines: list[Line]) -> float | None:
    """Find the x, in points, that parts a page into columns of running text, if there is one."""
    if not lines:
        return None
    left, width = min(line.left for line in lines), _extent(lines)
    inner = (left + _MIDDLE[0] * width, left + _MIDDLE[1] * width)
    starts = Counter(round(line.left) for line in lines if inner[0] < line.left < inner[1])
    candidates = [x - 3.0 for x, _ in starts.most_common(_CANDIDATES)]
    crossing = {x: _crossing(lines, x) for x in candidates}
    likely = sorted(
        (x for x in candidates if 2 * crossing[x] < len(lines)), key=crossing.__getitem__
    )
    return next((x for x in likely if _parts_text(lines, x)), None)


def _parts_text(lines: list[Line], gutter: float) -> bool:
    """Whether running text stands on both sides of `gutter` over enough of the page."""
    clear = [line for line in lines if not _crosses(line, gutter)]
    left, right = _sides(clear, gutter)
    if not (_is_text(left) and _is_text(right)):
        return False
    height = max(line.top for line in lines) - min(line.bottom for line in lines)
    shared = _heights(left) & _heights(right)
    across = _heights(line for line in lines if _crosses(line, gutter))
    return len(shared - across) > max(_SIDE_BY_SIDE * height, len(shared & across))


def _is_text(side: list[Line]) -> bool:
    """Whether a side's rows are full of text, as a paragraph's are and a table's cells are not."""
    if len(side) < 3:  # noqa: PLR2004 - fewer rows show no pattern
        return False
    joined = rows(side)
    fill = sum(line.width for line in joined) / (len(joined) * _extent(joined))
    return fill > _FILL and median(len(line.text) for line in joined) > _LETTERS


def _bands(lines: list[Line], gutter: float) -> list[tuple[list[Line], bool]]:
    """Cut a page into bands, top to bottom, and say of each whether it runs across the columns."""
    across = [line for line in lines if _crosses(line, gutter)]
    across += tables.across(rows(lines), gutter)
    bands: list[tuple[list[Line], bool]] = []
    for line in sorted(lines, key=lambda piece: -piece.base):
        wide = any(line.beside(other) for other in across)
        if not bands or bands[-1][1] != wide:
            bands.append(([], wide))
        bands[-1][0].append(line)
    parted = (_parted(lines, gutter) if not wide else [(lines, wide)] for lines, wide in bands[1:])
    return [*bands[:1], *chain.from_iterable(parted)]


def _parted(lines: list[Line], gutter: float) -> list[tuple[list[Line], bool]]:
    """Part what belongs to a wide table or figure above a band of columns from these.

    Args:
        lines: of the band, top to bottom, below one that runs across.
        gutter: x at which the columns are parted.

    Returns:
        As `_bands` does.
    """
    for at, (above, line) in enumerate(pairwise(lines), 1):
        if above.base - line.base > _STRIP * line.size:
            if any(_is_text(side) for side in _sides(lines[:at], gutter)):
                break
            return [(lines[:at], True), (lines[at:], False)]
    return [(lines, False)]


def _sides(lines: list[Line], gutter: float) -> tuple[list[Line], list[Line]]:
    """Part lines by which side of `gutter` their middle is on."""
    left = [line for line in lines if line.left + line.right < 2 * gutter]
    right = [line for line in lines if line.left + line.right >= 2 * gutter]
    return left, right


def _crosses(line: Line, gutter: float) -> bool:
    """Whether a line stands clearly on both sides."""
    return line.left < gutter - _OVERHANG and line.right > gutter + _OVERHANG


def _crossing(lines: list[Line], gutter: float) -> int:
    """Count the lines that run across."""
    return sum(_crosses(line, gutter) for line in lines)


def _heights(lines: Iterable[Line]) -> set[int]:
    """Collect the whole points of y that lines cover."""
    return {y for line in lines for y in range(int(line.bottom), int(line.top) + 1)}


def _extent(lines: list[Line]) -> float:
    """Measure from the leftmost to the rightmost edge, at least 1 point."""
    if not lines:
        return 1.0
    return max(1.0, max(line.right for line in lines) - min(line.left for line in lines))
