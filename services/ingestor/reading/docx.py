"""DOCX, through zipfile and lxml.

Of its many parts only four hold text. The libraries that know them all leave out what papers need:
inserted text, footnotes, and which numbers are raised.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from lxml.etree import _Element

from services.ingestor.cleaning import headings, marks
from services.ingestor.cleaning.characters import has_words, one_line
from services.ingestor.cleaning.headings import Sections
from services.ingestor.reading import xml
from services.ingestor.reading.archives import Archive, opened
from services.ingestor.text import Block, Kind, Source
from shared.errors import NoText

_DOCUMENT = "word/document.xml"
_HEADING = re.compile(r"heading (\d)")
_SKIPPED = frozenset(("del", "moveFrom", "pPr", "instrText", "Fallback", "delText", "sectPr"))
_BREAKS = {"tab": " ", "br": " ", "cr": " ", "noBreakHyphen": "-"}

Runs = Iterator[tuple[str, bool]]


def read(name: str, data: bytes) -> Source:
    """Read a Word document; deleted text of tracked changes is left out, inserted text stays.

    Args:
        name: the file's name; the title where the document tells none.
        data: the whole file.

    Raises:
        DamagedDocument: it is cut short or broken.
        EncryptedDocument: it wants a password.
        NoText: it holds no words.
    """
    with opened(name, data) as archive:
        root = xml.parsed(name, archive.read(_DOCUMENT))
        styles = _styles(name, archive)
        core = _part(name, archive, "docProps/core.xml")
        notes = _part(name, archive, "word/footnotes.xml")
    writer = _Writer(styles)
    body = root.find("body")
    writer.take(root if body is None else body)
    if notes is not None:
        writer.notes(notes)
    if not writer.blocks:
        raise NoText(f"{name}: the document holds no words")
    told = _told(core, "title") or writer.title
    return Source(
        title=told or PurePath(name).stem or name,
        blocks=writer.blocks,
        authors=tuple(filter(None, map(str.strip, re.split(r"[;\n]", _told(core, "creator"))))),
    )


class _Writer:
    """Gathers blocks.

    Args:
        styles: names of paragraph styles, lower case, by their ids.
    """

    def __init__(self, styles: Mapping[str, str]) -> None:
        self.title = ""
        self.blocks: list[Block] = []
        self._styles = styles
        self._sections = Sections()

    def take(self, element: _Element) -> None:
        """Go through the paragraphs and tables within an element."""
        for tag, child in xml.children(element):
            if tag == "p":
                self._paragraph(child)
            elif tag == "tbl":
                self._add("\n".join(_rows(child)), "table")
            elif tag not in _SKIPPED:
                self.take(child)

    def notes(self, root: _Element) -> None:
        """Add the footnotes behind the text."""
        for note in root.iter("footnote"):
            self._add(_text(note), "footnote")

    def _paragraph(self, element: _Element) -> None:
        """Take a paragraph, or the heading that it is."""
        text, style = _text(element), self._style(element)
        heading = _HEADING.fullmatch(style)
        if heading and text:
            self._sections.enter(int(heading[1]), text)
        elif style == "title" and not self.title:
            self.title = text
        else:
            self._add(text, self._kind(style))
        for box in element.iter("txbxContent"):
            self.take(box)

    def _style(self, element: _Element) -> str:
        """Give the name of a paragraph's style, lower case; "" for none."""
        found = element.find("pPr/pStyle")
        name = "" if found is None else xml.local(found, "val")
        return self._styles.get(name, name.lower())

    def _kind(self, style: str) -> Kind:
        """Tell what a paragraph is by its style and its section."""
        if style == "caption":
            return "caption"
        if style == "bibliography" or headings.is_references(str(self._sections)):
            return "reference"
        return "paragraph"

    def _add(self, text: str, kind: Kind) -> None:
        """Add a block, unless it would be empty."""
        if has_words(text):
            self.blocks.append(Block(text=text, section=str(self._sections), kind=kind))


def _rows(table: _Element) -> Iterator[str]:
    """Give a table's rows, their cells parted by bars."""
    for row in table.iterfind("tr"):
        cells = [" ".join(map(_text, cell.iter("p"))) for cell in row.iterfind("tc")]
        if any(map(has_words, cells)):
            yield " | ".join(map(one_line, cells))


def _text(element: _Element) -> str:
    """Give an element's text on one line, raised characters made plain."""
    return one_line(marks.resolved(_runs(element)))


def _runs(element: _Element, *, raised: bool = False) -> Runs:
    """Go through an element's text, and say of each piece whether it is raised."""
    for tag, child in xml.children(element):
        if tag == "t":
            yield child.text or "", raised
        elif tag in _BREAKS:
            yield _BREAKS[tag], False
        elif tag == "r":
            align = child.find("rPr/vertAlign")
            high = align is not None and xml.local(align, "val") == "superscript"
            yield from _runs(child, raised=high)
        elif tag == "p":
            yield from _runs(child)
            yield " ", False
        elif tag not in _SKIPPED and tag != "txbxContent":
            yield from _runs(child, raised=raised)


def _part(name: str, archive: Archive, part: str) -> _Element | None:
    """Parse a part that a document need not have."""
    return xml.parsed(name, archive.read(part)) if part in archive else None


def _styles(name: str, archive: Archive) -> dict[str, str]:
    """Give the names of styles, lower case, by their ids: these are translated, the names not."""
    root = _part(name, archive, "word/styles.xml")
    found: dict[str, str] = {}
    for style in [] if root is None else root.iter("style"):
        told = style.find("name")
        if told is not None:
            found[xml.local(style, "styleId")] = xml.local(told, "val").lower()
    return found


def _told(core: _Element | None, field: str) -> str:
    """Give a field of the document's properties; "" for none."""
    return one_line((core.findtext(field) if core is not None else None) or "")
