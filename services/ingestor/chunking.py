"""Sentences to chunks that fit the embedding model.

Two pure steps, for the tokens are counted by Triton, once for a whole document:
`units` -> the caller counts the tokens of every unit's text -> `assemble`.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, groupby

from services.ingestor.text import Block, Chunk, Kind, Part, Source, Unit
from shared.sentences import split

Counted = tuple[Unit, int]
_TOKEN_CHARS = 16
_UNIT_CHARS = 4_000  # longest text whose tokens are counted at once; few sentences have 1,000


def chunk(
    source: Source,
    count_tokens: Callable[[Sequence[str]], Sequence[int]],
    max_tokens: int = 200,
    overlap_tokens: int = 40,
) -> list[Chunk]:
    """Cut a document into chunks, with a counter that answers at once.

    Args:
        source: what a reader gave.
        count_tokens: gives the tokens of each text; called once, with every unit's text.
        max_tokens: of a chunk, above 0.
        overlap_tokens: that a chunk repeats of the one before it at most, 0 for none.
    """
    found = units(source)
    counts = count_tokens([unit.text for unit in found])
    return assemble(found, counts, max_tokens, overlap_tokens)


def units(source: Source) -> list[Unit]:
    """Cut a document into sentences, and its tables and listings into lines."""
    found: list[Unit] = []
    for paragraph in _paragraphs(source.blocks):
        found.extend(_units(paragraph))
    return found


def assemble(
    units: Sequence[Unit], counts: Sequence[int], max_tokens: int = 200, overlap_tokens: int = 40
) -> list[Chunk]:
    """Put sentences together to chunks of at most `max_tokens`, each within one section.

    Args:
        units: see `units`.
        counts: tokens of each unit, as many as units; those of a chunk add up.
        max_tokens: of a chunk, above 0. A longer unit is cut at word borders, and its count is
            shared out by length: leave some room below the model's own limit.
        overlap_tokens: that a chunk repeats of the one before it at most, as whole units; below
            `max_tokens`.

    A token is taken to hold no more than 16 characters: the embedder's tokenizer calls an endless
    word one, which would make a chunk that no generator can read.

    Returns:
        In reading order. Every unit is in a chunk, and nothing else is.
    """
    if not 0 <= overlap_tokens < max_tokens:
        raise ValueError(f"overlap of {overlap_tokens} tokens does not fit into {max_tokens}")
    chunks: list[Chunk] = []
    counted = (
        (unit, max(count, math.ceil(len(unit.text) / _TOKEN_CHARS)))
        for unit, count in zip(units, counts, strict=True)
    )
    for _, group in groupby(counted, key=lambda item: item[0].section):
        pieces = [piece for item in group for piece in _fitting(item, max_tokens)]
        chunks.extend(_packed(pieces, max_tokens, overlap_tokens))
    return chunks


def _packed(pieces: Sequence[Counted], limit: int, overlap: int) -> Iterator[Chunk]:
    """Fill one chunk after the other with the pieces of a section."""
    held: list[Counted] = []
    total = 0
    header: Counted | None = None
    for piece in pieces:
        if held and total + piece[1] > limit:
            yield _chunk(held)
            held = _again(held, piece, header, limit, overlap)
            total = _total(held)
        header = _header(piece, header)
        held.append(piece)
        total += piece[1]
    if held:
        yield _chunk(held)


def _header(piece: Counted, before: Counted | None) -> Counted | None:
    """Give the header of the table that a piece belongs to, if any."""
    if piece[0].part == "header":
        return piece if before is None or before[0].part != "header" or piece[0].opens else before
    return before if piece[0].part == "row" else None


def _again(
    held: Sequence[Counted], piece: Counted, header: Counted | None, limit: int, overlap: int
) -> list[Counted]:
    """Choose what a new chunk repeats before `piece`: a table's header, else the last units."""
    room = limit - piece[1]
    if piece[0].part == "row":
        return [header] if header and header[1] <= min(room, limit // 2) else []
    return _tail(held, min(overlap, room))


def _tail(held: Sequence[Counted], limit: int) -> list[Counted]:
    """Take the last pieces of a chunk that have at most `limit` tokens, but never all of it."""
    sums = accumulate(count for _, count in reversed(held[1:]))
    taken = sum(1 for total in sums if total <= limit)
    return list(held[len(held) - taken :])


def _chunk(held: Sequence[Counted]) -> Chunk:
    """Make a chunk of at least one piece."""
    first = held[0][0]
    text, page, runs = first.text, first.page, list[tuple[int, int]]()
    for unit, _ in held[1:]:
        text += "\n" if unit.opens else " "
        if unit.page is not None and unit.page != page:
            page = unit.page
            runs.append((len(text), page))
        text += unit.text
    return Chunk(
        text=text,
        page=first.page,
        page_runs=tuple(runs),
        section=first.section,
        tokens=_total(held),
    )


def _total(held: Sequence[Counted]) -> int:
    """Add up the tokens."""
    return sum(count for _, count in held)


def _fitting(item: Counted, limit: int) -> Iterator[Counted]:
    """Cut a unit that is too long for any chunk, at word borders where there are any."""
    unit, count = item
    if count <= limit:
        yield item
        return
    opens = unit.opens
    for head in _cut(unit.text, max(1, len(unit.text) * limit // count)):
        share = min(limit, math.ceil(count * len(head) / len(unit.text)))
        yield replace(unit, text=head, opens=opens), share
        opens = False


def _cut(text: str, longest: int) -> Iterator[str]:
    """Cut a text at word borders, where there are any, into at most `longest` characters each."""
    start, end = 0, len(text)
    while end - start > longest:
        stop = start + longest
        border = max(text.rfind(mark, start, stop + 1) for mark in (" ", "\n"))
        stop = border if border > start else stop
        yield text[start:stop].rstrip()
        start = stop
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield text[start:]


def _paragraphs(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Gather every block with those that go on with it."""
    held: list[Block] = []
    for block in blocks:
        if held and not block.continues:
            yield held
            held = []
        held.append(block)
    if held:
        yield held


def _units(paragraph: Sequence[Block]) -> Iterator[Unit]:
    """Cut a paragraph, which may go over several pages, into units."""
    text = " ".join(block.text for block in paragraph)
    ends = list(accumulate(len(block.text) + 1 for block in paragraph))
    as_lines = paragraph[0].kind in ("table", "code")
    at = 0
    for number, sentence in enumerate(text.splitlines() if as_lines else split(text)):
        for part, piece in enumerate(_cut(sentence, _UNIT_CHARS)):
            at = text.index(piece, at)
            home = paragraph[bisect_right(ends, at)]
            opens = part == 0 and (as_lines or number == 0)
            yield Unit(
                text=piece,
                page=home.page,
                section=home.section,
                opens=opens,
                part=_part(paragraph[0].kind, number),
            )
            at += len(piece)


def _part(kind: Kind, number: int) -> Part:
    """Tell what a unit is by its block's kind and its place within it, from 0."""
    if kind == "table":
        return "header" if number == 0 else "row"
    return "reference" if kind == "reference" else "text"
