"""Line numbers, as manuscripts under review have them, found and taken out."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from services.ingestor.cleaning.lines import Line

_FEWEST = 5  # numbers below each other
_LONGEST = 4  # digits
_SPAN = 0.4  # share of the height of a page's text that they run along
_STEPS = (1, 2, 5, 10)
_GRID = 3.0  # points by which right edges may differ


def without_line_numbers(page: list[Line]) -> list[Line]:
    """Take the numbers of lines out of a page, whatever column's margin they stand in.

    They are whole numbers, one below the other along much of the page, that grow by one step.

    Args:
        page: its pieces of text, in any order.
    """
    if len(page) < _FEWEST:
        return page
    height = max(line.base for line in page) - min(line.base for line in page)
    found: set[int] = set()
    for column in _columns(page):
        span = column[0].base - column[-1].base
        if len(column) >= _FEWEST and span > _SPAN * height and _counts(column):
            found.update(map(id, column))
    return [line for line in page if id(line) not in found]


def _columns(page: Sequence[Line]) -> list[list[Line]]:
    """Gather whole numbers that end at the same x, each column from the top down."""
    columns: defaultdict[int, list[Line]] = defaultdict(list)
    for line in page:
        if line.text.isdecimal() and len(line.text) <= _LONGEST:
            at = round(line.right / _GRID)
            near = next((x for x in (at, at - 1, at + 1) if x in columns), at)
            columns[near].append(line)
    return [sorted(column, key=lambda line: -line.base) for column in columns.values()]


def _counts(column: Sequence[Line]) -> bool:
    """Whether numbers grow by the same step from the top down; an equation's may lie between."""
    steps = [int(below.text) - int(above.text) for above, below in pairwise(column)]
    return any(len(steps) * 0.8 <= steps.count(step) for step in _STEPS)
