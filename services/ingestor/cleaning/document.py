"""All of a PDF's pages to clean blocks: the steps of cleaning, in their order."""

from collections.abc import Sequence

from services.ingestor.cleaning import columns, flow, hyphenation, lines, margins, references
from services.ingestor.cleaning.characters import one_line
from services.ingestor.cleaning.headings import is_known
from services.ingestor.cleaning.lines import Line
from services.ingestor.cleaning.paragraphs import Writer
from services.ingestor.cleaning.running import without_running
from services.ingestor.cleaning.shape import Face
from services.ingestor.text import Block

_TITLE_SCALE = 1.2


def clean(pages: Sequence[list[Line]]) -> tuple[str, list[Block]]:
    """Bring the pieces of text of a document's pages into the order and shape of reading.

    Args:
        pages: the pieces of each page, in any order.

    Returns:
        The title in the largest type on page 1 ("" if none stands out), and the blocks.
    """
    kept = without_running([margins.without_line_numbers(page) for page in pages])
    gutter = columns.common_gutter(kept)
    parts = [columns.regions(page, gutter) for page in kept]
    every = [row for page in parts for region in page for row in region]
    known = hyphenation.vocabulary(row.text for row in every)
    face = _face(every)
    title = _title_rows(parts[0] if parts else [], face)
    writer = Writer(face, known, front=bool(title))
    for page in parts:
        for region in page:
            writer.region([row for row in region if row not in title])
    text = " ".join(one_line(row.text) for row in title)
    return text, references.marked(flow.joined(writer.drafts, known))


def _face(rows: list[Line]) -> Face:
    """Find how the running text is set."""
    size = lines.body_size(rows)
    return Face(size=size, leading=lines.leading(rows, size))


def _title_rows(regions: Sequence[Sequence[Line]], face: Face) -> list[Line]:
    """Find the rows of page 1 that are set largest, if they stand out and together."""
    rows = [row for region in regions for row in region if sum(map(str.isalpha, row.text)) > 2]  # noqa: PLR2004 - a drop capital is no title
    largest = max((row.size for row in rows), default=0.0)
    if largest < _TITLE_SCALE * face.size:
        return []
    title: list[Line] = []
    for row in rows:
        if row.size > 0.95 * largest and (not title or row.base > title[-1].base - 2 * row.size):
            title.append(row)
    return [] if is_known(title[0].text) else title
