"""A passage with its neighbours in the document, as one text. Pure."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from shared.messages import Hit

REACH = 2  # chunks to either side that are looked at
Around = Mapping[int, Hit]
"""The chunks near a hit, itself among them, by their number in the document."""


def number_of(hit: Hit) -> int:
    """Number of a hit's chunk in its document."""
    return int(hit.chunk_id.rpartition(":")[2])


def joined(hits: Sequence[Hit], around: Sequence[Around], budget: int) -> tuple[Hit, ...]:
    """Let every hit grow by its neighbours, the best first.

    Args:
        hits: best first.
        around: the chunks near each; without the hit's own number it stays as it is.
        budget: tokens of a grown passage.

    Returns:
        Best first, each under its own chunk's id. A hit that a better one has grown over is left
        out: its text is handed on already.
    """
    used: set[tuple[str, int]] = set()
    grown = []
    for hit, chunks in zip(hits, around, strict=True):
        if (hit.document_id, number_of(hit)) in used:
            continue
        free = {n: c for n, c in chunks.items() if (hit.document_id, n) not in used}
        numbers = _reached(free, number_of(hit), budget)
        used |= {(hit.document_id, number) for number in numbers}
        grown.append(_one([free[number] for number in numbers], hit) if numbers[1:] else hit)
    return tuple(grown)


def _reached(chunks: Around, own: int, budget: int) -> range:
    """Numbers of the chunks that fit: in turn the next and the one before, of the same section."""
    first = last = own
    open_ends = {1, -1} if own in chunks else set()
    tokens = chunks[own].tokens if own in chunks else 0
    while open_ends:
        for step in sorted(open_ends, reverse=True):
            found = chunks.get(last + 1 if step > 0 else first - 1)
            fits = found and found.section == chunks[own].section
            if not found or not fits or tokens + found.tokens > budget:
                open_ends.remove(step)
                continue
            tokens += found.tokens
            first, last = (first, last + 1) if step > 0 else (first - 1, last)
    return range(first, last + 1)


def _one(chunks: Sequence[Hit], hit: Hit) -> Hit:
    """Chunks in reading order as one passage, under the name and score of the hit."""
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = _after(whole, chunk)
    return replace(whole, chunk_id=hit.chunk_id, score=hit.score)


def _after(one: Hit, other: Hit) -> Hit:
    """Two chunks, what the second repeats of the first's end only once."""
    again = _repeated(one.text, other.text)
    rest = other.text[again:].lstrip()
    begun = len(other.text) - len(rest)  # of the rest, in the second chunk
    text = f"{one.text} {rest}" if rest else one.text
    shift = len(text) - len(other.text)
    runs = list(one.page_runs)
    at_end, page = one.page_at(len(one.text)), other.page_at(begun)
    if rest and page is not None and page != at_end:
        runs.append((begun + shift, page))
    runs += [(offset + shift, page) for offset, page in other.page_runs if offset > begun]
    share = len(rest) / len(other.text) if other.text else 0.0
    tokens = one.tokens + round(other.tokens * share)
    return replace(one, text=text, tokens=tokens, page_runs=tuple(runs))


def _repeated(one: str, other: str) -> int:
    """Length of the longest beginning of one text that ends the other as whole words."""
    for length in range(min(len(one), len(other)), 0, -1):
        whole = length == len(one) or one[-length - 1].isspace()
        if whole and one.endswith(other[:length]):
            return length
    return 0
