"""A PDF page's glyphs, gathered to pieces of text with their place.

PDFium's own text has the right letters and spaces, yet not the order of reading, so every glyph is
asked for its box. Three calls a glyph through ctypes cost about 3 µs each.
"""

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pypdfium2 as pdfium
from pypdfium2 import raw

from services.ingestor.cleaning import marks
from services.ingestor.cleaning.characters import is_leftwards
from services.ingestor.cleaning.lines import Line

_BOLD = re.compile(r"bold|black|heavy|semib|demi|-medi\b|cmbx|cmssbx|sfbx|ecbx", re.IGNORECASE)
_SPACE = 32  # the first code that is no control character
_HYPHEN_MARK = 2  # what PDFium writes for a hyphen at a line's end
_GAP = 0.7  # of the font's size: wider than a word space, narrower than a gutter
_SHIFT = 0.6  # of the font's size: a superscript is raised by less
_RISE = 0.2  # of the font's size: a superscript is raised by more
_SMALLER = 0.85  # of the font's size: a superscript is set in less
_TINY = 0.75  # of the font's size: a number as small on the same line is no part of the text
_SAMPLES = 60  # glyphs that tell which way a page's text runs
_QUARTER = math.pi / 2
# TeX's T1 and OT1 fonts keep these below 32; without a Unicode map the bare code comes out.
_TEX = {11: "ff", 12: "fi", 13: "fl", 14: "ffi", 15: "ffl"}
_TEX |= {27: "ff", 28: "fi", 29: "fl", 30: "ffi", 31: "ffl"}
_FIRST_LEFTWARDS = "\u0590"  # most letters are before it, and need no closer look
_BLANK = frozenset(" \t\u00a0\u3000")


@dataclass(slots=True)
class _Piece:
    """Glyphs next to each other, as they come."""

    glyphs: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    left: float = 0.0
    right: float = 0.0
    bases: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Glyphs:
    """One page's text layer.

    Attributes:
        page: handle of PDFium's FPDF_TEXTPAGE.
        turn: quarter turns, 0..3, by which most of its text is rotated clockwise.
    """

    page: object
    turn: int = 0
    _box: raw.FS_RECTF = field(default_factory=raw.FS_RECTF)
    _x: ctypes.c_double = field(default_factory=ctypes.c_double)
    _y: ctypes.c_double = field(default_factory=ctypes.c_double)

    def letter(self, index: int) -> str:
        """Give what a glyph stands for; a line break where PDFium saw one."""
        code = raw.FPDFText_GetUnicode(self.page, index)
        if code >= _SPACE:
            return chr(code)
        if code == _HYPHEN_MARK:
            return "-"
        known = code in _TEX and not raw.FPDFText_IsGenerated(self.page, index)
        return _TEX[code] if known else chr(code)

    def place(self, index: int) -> tuple[float, float, float]:
        """Give a glyph's left, right and baseline, in points, with the text made upright."""
        raw.FPDFText_GetLooseCharBox(self.page, index, self._box)
        raw.FPDFText_GetCharOrigin(self.page, index, self._x, self._y)
        box = self._box
        if self.turn == 3:  # noqa: PLR2004 - runs upwards
            return box.bottom, box.top, -self._x.value
        if self.turn == 2:  # noqa: PLR2004 - upside down
            return -box.right, -box.left, -self._y.value
        if self.turn == 1:
            return -box.top, -box.bottom, self._x.value
        return box.left, box.right, self._y.value

    def quarter(self, index: int) -> int:
        """Give the quarter turns a glyph is rotated by, -1 for one that is set askew."""
        angle = raw.FPDFText_GetCharAngle(self.page, index) / _QUARTER
        return round(angle) % 4 if abs(angle - round(angle)) < 0.05 else -1  # noqa: PLR2004 - 4.5°

    def size(self, index: int) -> float:
        """Give a glyph's font size in points, as it stands on the page."""
        matrix = raw.FS_MATRIX()
        size = float(raw.FPDFText_GetFontSize(self.page, index))
        if raw.FPDFText_GetMatrix(self.page, index, matrix):
            size *= math.hypot(matrix.c, matrix.d)
        return size if size > 0 else 10.0

    def bold(self, index: int) -> bool:
        """Tell by its font's name whether a glyph is bold: PDFium's weights are guesses."""
        name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
        raw.FPDFText_GetFontInfo(self.page, index, name, 128, flags)
        return _BOLD.search(name.value.decode("latin-1")) is not None


def pieces(page: pdfium.PdfPage, number: int) -> list[Line]:
    """Gather a page's text.

    Args:
        page: open; its text layer is opened and closed here.
        number: 1-based, goes into the lines.

    Returns:
        In the order of the file. Text that runs another way than most of the page's is left out:
        it is a stamp at the margin or a plot's axis.
    """
    layer = page.get_textpage()
    try:
        count = layer.count_chars()
        glyphs = _Glyphs(layer.raw)
        glyphs.turn = _main_turn(glyphs, count)
        found = (_line(piece, glyphs, number) for piece in _walk(glyphs, count))
        return [line for line in found if line is not None]
    finally:
        layer.close()


def _main_turn(glyphs: _Glyphs, count: int) -> int:
    """Find which way most of a page's text runs."""
    turns = Counter(glyphs.quarter(at) for at in range(0, count, max(1, count // _SAMPLES)))
    del turns[-1]
    return turns.most_common(1)[0][0] if turns else 0


def _walk(glyphs: _Glyphs, count: int) -> Iterator[_Piece]:
    """Cut the stream of glyphs where the next one is no neighbour."""
    piece, size = _Piece(), 10.0
    for index in range(count):
        letter = glyphs.letter(index)
        if letter in "\r\n":
            yield piece
            piece = _Piece()
        elif letter in _BLANK:
            piece.text.append(" ")
        else:
            left, right, base = glyphs.place(index)
            if piece.glyphs and not (
                _next_to(piece, letter, (left, right, base), size)
                and not _numbers_lines(piece, glyphs, index, size)
            ):
                yield piece
                piece = _Piece()
            if not piece.glyphs:
                size, piece.left, piece.right = glyphs.size(index), left, right
            piece.glyphs.append(index)
            piece.text.append(letter)
            piece.bases.append(base)
            piece.left, piece.right = min(piece.left, left), max(piece.right, right)
    yield piece


def _next_to(piece: _Piece, letter: str, place: tuple[float, float, float], size: float) -> bool:
    """Whether a glyph goes on with a piece: to its right, or to its left if it is written so."""
    if not piece.glyphs:
        return True
    left, right, base = place
    gap = left - piece.right
    if letter >= _FIRST_LEFTWARDS and is_leftwards(letter):
        gap = min(gap, piece.left - right, key=abs)
    return -size < gap < _GAP * size and abs(base - piece.bases[0]) < _SHIFT * size


def _numbers_lines(piece: _Piece, glyphs: _Glyphs, index: int, size: float) -> bool:
    """Whether a glyph begins a line's number at the margin, close behind the line's last word."""
    if not (glyphs.letter(index).isdigit() and piece.text[-1].isalpha()):
        return False
    return glyphs.size(index) < _TINY * size and glyphs.place(index)[2] < piece.bases[-1] + 1


def _line(piece: _Piece, glyphs: _Glyphs, number: int) -> Line | None:
    """Finish a piece; None for one without ink or one that runs another way."""
    text = marks.resolved(_raised(piece, glyphs)).strip()
    if not text or not piece.glyphs or glyphs.quarter(piece.glyphs[0]) != glyphs.turn:
        return None
    middle = len(piece.glyphs) // 2
    ends = (piece.glyphs[0], piece.glyphs[middle], piece.glyphs[-1])
    return Line(
        text=text,
        page=number,
        left=piece.left,
        right=piece.right,
        base=Counter(piece.bases).most_common(1)[0][0],
        size=max(map(glyphs.size, ends)),
        bold=all(map(glyphs.bold, ends)),
    )


def _raised(piece: _Piece, glyphs: _Glyphs) -> Iterator[tuple[str, bool]]:
    """Give a piece's letters, and of each whether it is small and high; blanks go with the last."""
    if not piece.glyphs:
        return
    base = Counter(piece.bases).most_common(1)[0][0]
    size = glyphs.size(piece.glyphs[piece.bases.index(base)])
    places, high = iter(zip(piece.glyphs, piece.bases, strict=True)), False
    for letter in piece.text:
        if letter != " ":
            index, at = next(places)
            high = at - base > _RISE * size and glyphs.size(index) < _SMALLER * size
        yield letter, high
