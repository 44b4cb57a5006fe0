"""Paragraphs that a column's or a page's end cuts in two, put after one another again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.ingestor.cleaning import hyphenation
from services.ingestor.text import Block, Kind

_LOOK_BACK = 8  # captions, footnotes and bits of plots that may lie between the halves
_SHORTEST = 40  # characters: less is a plot's label, no half of a paragraph
_ENDS = (".", "!", "?", ":", ";", ".”", ".)", '."')


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A paragraph before its halves are joined.

    Attributes:
        text: cleaned, not empty.
        page: 1-based.
        section: as in `Block`.
        kind: as in `Block`.
        first: nothing but captions and notes stands above it in its column.
        last: nothing but captions, notes and tables stands below it in its column.
        body: set as running text is, and so perhaps a half of it.
        continues: as in `Block`.
    """

    text: str
    page: int
    section: str
    kind: Kind
    first: bool
    last: bool = False
    body: bool = True
    continues: bool = False

    def block(self) -> Block:
        """Give the finished block."""
        return Block(
            text=self.text,
            page=self.page,
            section=self.section,
            kind=self.kind,
            continues=self.continues,
        )


def joined(drafts: Sequence[Draft], known: frozenset[str]) -> list[Block]:
    """Put every second half right behind its first, and mend the word between them.

    Args:
        drafts: in reading order.
        known: see `hyphenation.vocabulary`.
    """
    done: list[Draft] = []
    for draft in drafts:
        at = _first_half(done, draft)
        if at is None:
            done.append(draft)
        else:
            done[at : at + 1] = _halves(done[at], draft, known)
    return [draft.block() for draft in done]


def _first_half(done: Sequence[Draft], draft: Draft) -> int | None:
    """Find the unfinished paragraph that `draft` goes on with."""
    if not (draft.first and draft.body) or draft.kind not in ("paragraph", "reference"):
        return None
    for at in range(len(done) - 1, max(-1, len(done) - 1 - _LOOK_BACK), -1):
        before = done[at]
        if before.section != draft.section:
            return None
        half = before.last and before.body and len(before.text) >= _SHORTEST
        if before.kind == draft.kind and half:
            return at if _goes_on(before.text, draft.text, near=at == len(done) - 1) else None
    return None


def _goes_on(before: str, after: str, *, near: bool) -> bool:
    """Whether a sentence may run from `before` into `after`."""
    if before.endswith(_ENDS) or before == "-":
        return False
    if after[0].islower() and (near or len(after) >= _SHORTEST):
        return True
    if near and after[0] in "([":
        return True
    if before.endswith("-"):
        return near and after[0].isalnum() and (before[-2].isupper() or not after[0].isupper())
    return near and before.endswith(",") and after[0].isalnum()


def _halves(before: Draft, after: Draft, known: frozenset[str]) -> list[Draft]:
    """Move the rest of a cut word to its beginning."""
    after = replace(after, continues=True)
    if not before.text.endswith("-"):
        return [before, after]
    rest, _, text = after.text.partition(" ")
    before = replace(before, text=hyphenation.join(before.text, rest, known))
    return [before, replace(after, text=text)] if text else [before]
