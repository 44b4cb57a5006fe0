"""Rows to paragraphs: where one begins, what kind it is, and which heading it stands under."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from services.ingestor.cleaning import headings, hyphenation, shape, tables
from services.ingestor.cleaning.characters import one_line
from services.ingestor.cleaning.flow import Draft
from services.ingestor.cleaning.lines import Line
from services.ingestor.cleaning.shape import Face, Frame
from services.ingestor.text import Kind

_ITEM = re.compile(r"[•▪‣◦●■–—*]\s|\[\d{1,3}\]\s|\(?[a-z\d]{1,2}\)\s")  # noqa: RUF001 - a dash marks items
_CAPTION = re.compile(r"(?:figure|fig\.|table|box|scheme)\s*(?:s?\d+|[ivx]+)", re.IGNORECASE)
_CAPTION_CERTAIN = re.compile(
    r"(?:figure|fig\.|table|box|scheme)\s*(?:s?\d+|[ivx]+)\s*[.:|]", re.IGNORECASE
)
_CODE = re.compile(r"(?:>|\+|\$|>>>) ")
_LEADER = re.compile(r"(?:\. ?){4,}")
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d[a-z]?\b")
_WORD = re.compile(r"[^\W\d_]{2}(?:.*[^\W\d_]){2}|[^\W\d_]{3}")
_NOTE = re.compile(r"\d{1,2}\s?[^\W\d_]|[*†‡]")
_LARGER = 1.08  # of the body's size: 11 on 10 points is seen, rounding is not
_PROSE = 40  # characters: names and places come in shorter rows


@dataclass(slots=True)
class Writer:
    """Takes rows in reading order and gives paragraphs with their section.

    Attributes:
        face: of the document's body.
        known: see `hyphenation.vocabulary`.
        front: still among the names and places below a paper's title; False without a title.
        drafts: what is finished.
    """

    face: Face
    known: frozenset[str]
    front: bool
    drafts: list[Draft] = field(default_factory=list)
    _sections: headings.Sections = field(default_factory=headings.Sections)
    _rows: list[Line] = field(default_factory=list)
    _heading: list[Line] = field(default_factory=list)
    _first: bool = True
    _frame: Frame = field(default=Frame(left=0, right=0))

    def region(self, rows: Sequence[Line]) -> None:
        """Take the rows of one column, top to bottom."""
        if not rows:
            return
        self._frame, self._first, at, begun = Frame.around(rows), True, 0, len(self.drafts)
        listed = headings.is_contents(str(self._sections))
        for table in [] if listed else tables.find(rows):
            self._text(rows[at : table.start])
            self._table(rows, table)
            at = table.end
        self._text(rows[at:])
        self._mark_last(begun)

    def _mark_last(self, begun: int) -> None:
        """Mark the paragraph that a column ends with: it may go on in the next."""
        for at in range(len(self.drafts) - 1, begun - 1, -1):
            draft = self.drafts[at]
            if draft.body and draft.kind in ("paragraph", "reference"):
                self.drafts[at] = replace(draft, last=True)
                return

    def _text(self, rows: Sequence[Line]) -> None:
        """Take rows that are no table."""
        above: Line | None = None
        for number, row in enumerate(rows):
            below = rows[number + 1 : number + 3]
            level = None if shape.is_bold_text(row, below) else self._level(row, above)
            if level is not None:
                self._enter(row, level, above)
            else:
                starts = above and self._starts(row, above, below[0] if below else None)
                if self._heading or starts:
                    self._finish()
                self._rows.append(row)
            above = row
        self._finish()

    def _table(self, rows: Sequence[Line], table: tables.Table) -> None:
        """Take the rows of a table."""
        text = tables.text(rows, table)
        if _WORD.search(text):  # else it is a plot's axis
            self.drafts.append(
                Draft(
                    text=text,
                    page=rows[table.start].page,
                    section=str(self._sections),
                    kind="table",
                    first=self._first,
                    body=False,
                )
            )

    def _level(self, row: Line, above: Line | None) -> int | None:
        """Tell whether a row is a heading, and of which level."""
        text, scale = one_line(row.text), row.size / self.face.size
        if self._adds_to_heading(row, above):
            return self._sections.path[-1][0]
        if _LEADER.search(text) or _CODE.match(text) or _CAPTION_CERTAIN.match(text):
            return None
        if headings.is_contents(str(self._sections)) and scale < _LARGER:
            return None
        if self._is_front(text, scale, row):
            return None
        apart = above is None or above.base - row.base > 1.25 * self.face.leading
        return headings.level(text, scale=scale, bold=row.bold, apart=apart)

    def _adds_to_heading(self, row: Line, above: Line | None) -> bool:
        """Whether a row is the second of the heading just begun."""
        last = self._heading[-1] if self._heading else None
        if last is None or last is not above or headings.is_known(last.text):
            return False
        near = 0 < last.base - row.base < 1.8 * row.size
        numbered = headings.is_numbered(row.text)
        styled = row.bold or row.size > _LARGER * self.face.size
        return (
            near
            and styled
            and not numbered
            and last.bold == row.bold
            and shape.same_type(last, row)
        )

    def _is_front(self, text: str, scale: float, row: Line) -> bool:
        """Whether a row still belongs to the names and places below a paper's title."""
        body = abs(scale - 1) < 0.08 and len(text) > _PROSE  # noqa: PLR2004 - a rounding apart
        if row.page > 1 or body or headings.is_known(text) or headings.is_numbered(text):
            self.front = False
        return self.front

    def _enter(self, row: Line, level: int, above: Line | None) -> None:
        """Open a section, or add a second row to the heading just begun."""
        held = self._heading if self._adds_to_heading(row, above) else []
        self._finish()
        self._heading = [*held, row]
        self._sections.enter(level, one_line(self._join(self._heading)))

    def _starts(self, row: Line, above: Line, below: Line | None) -> bool:
        """Whether a row begins a new paragraph below `above`."""
        step = above.base - row.base
        taller = max(1.0, row.size / self.face.size)
        if not 0 < step <= 1.35 * self.face.leading * taller or not shape.same_type(row, above):
            return True
        if _ITEM.match(row.text) or _CAPTION_CERTAIN.match(row.text):
            return True
        if _CODE.match(row.text):
            return not _CODE.match(above.text)
        return not shape.hangs(row, above) and self._starts_by_shape(row, above, below)

    def _starts_by_shape(self, row: Line, above: Line, below: Line | None) -> bool:
        """Whether a row's indent, or the short row above it, begins a paragraph."""
        if headings.is_references(str(self._sections)):
            return not self._frame.indents(row) and self._frame.indents(above)
        if self._frame.indents(row) and not self._frame.indents(above):
            return below is None or not self._frame.indents(below)
        short = above.right < self._frame.right - 0.2 * (self._frame.right - self._frame.left)
        return short and above.text.endswith((".", "!", "?", ":")) and not row.text[0].islower()

    def _finish(self) -> None:
        """Turn the rows held into a paragraph."""
        rows, self._rows, self._heading = self._rows, [], []
        text = one_line(self._join(rows))
        if not rows or not self._says_something(text, rows[0]):
            return
        if headings.is_contents(str(self._sections)):
            if shape.is_listing(rows):
                return
            self._sections = headings.Sections()
        kind, section = self._kind(text, rows), str(self._sections)
        self.drafts.append(
            Draft(
                text=text,
                page=rows[0].page,
                section=section,
                kind=kind,
                first=self._first,
                body=self._in_body_type(rows, kind),
            )
        )
        self._first = self._first and (kind == "caption" or self._small(rows))

    def _kind(self, text: str, rows: list[Line]) -> Kind:
        """Tell what a paragraph is."""
        if headings.is_references(str(self._sections)) and _YEAR.search(text):
            return "reference"
        if _CAPTION_CERTAIN.match(text) or (_CAPTION.match(text) and self._small(rows)):
            return "caption"
        if _CODE.match(text):
            return "code"
        return "footnote" if self._small(rows) and _NOTE.match(text) else "paragraph"

    def _says_something(self, text: str, row: Line) -> bool:
        """Whether a paragraph has words, or numbers that are a program's output.

        Numbers elsewhere than at the column's edge are a plot's axis or a piece of an equation.
        """
        if _WORD.search(text):
            return True
        at_edge = row.left < self._frame.left + 2 * row.size
        return at_edge and sum(map(str.isalnum, text)) > 1

    def _in_body_type(self, rows: list[Line], kind: Kind) -> bool:
        """Whether rows may go on with running text; a plot's labels are set otherwise."""
        return kind == "reference" or abs(rows[0].size - self.face.size) < 0.12 * self.face.size

    def _small(self, rows: list[Line]) -> bool:
        """Whether rows are set smaller than the body."""
        return rows[0].size < 0.93 * self.face.size

    def _join(self, rows: Iterable[Line]) -> str:
        """Put rows after each other."""
        return hyphenation.joined((row.text for row in rows), self.known)
