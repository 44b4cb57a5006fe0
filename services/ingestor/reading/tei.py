"""TEI XML, as GROBID makes it from PDFs and as text editions have it."""

from collections.abc import Iterator
from pathlib import PurePath

from lxml.etree import _Element

from services.ingestor.cleaning.characters import has_words, many_lines, one_line
from services.ingestor.cleaning.headings import Sections
from services.ingestor.reading import xml
from services.ingestor.text import Block, Kind, Source
from shared.errors import NoText, UnsupportedType

_PARAGRAPHS: dict[str, Kind] = {
    "p": "paragraph",
    "ab": "paragraph",
    "l": "paragraph",
    "item": "paragraph",
    "note": "footnote",
    "figDesc": "caption",
    "biblStruct": "reference",
    "bibl": "reference",
}
_SKIPPED = frozenset(("head", "label", "formula", "graphic", "teiHeader", "fw"))
_MARKS = frozenset(("foot", "bibr"))  # kinds of <ref> that lead out of the sentence


def read(name: str, data: bytes) -> Source:
    """Read a TEI document.

    Args:
        name: the file's name; the title where the header tells none.
        data: the whole file.

    Raises:
        DamagedDocument: it is no well-formed XML.
        UnsupportedType: it is XML of another kind.
        NoText: it holds no words, only metadata.
    """
    root = xml.parsed(name, data)
    tei = root if root.tag == "TEI" else next(root.iter("TEI"), None)
    if tei is None:
        raise UnsupportedType(f"{name}: this is XML with the root <{root.tag}>, and no TEI")
    blocks = list(_abstract(tei))
    for part in ("front", "body", "back"):
        for element in tei.iterfind(f".//text/{part}"):
            blocks.extend(_parts(element, Sections(), 1))
    if not blocks:
        raise NoText(f"{name}: the TEI document holds no words, only metadata")
    title = tei.find(".//titleStmt/title")
    told = "" if title is None else xml.whole(title)
    return Source(
        title=told or PurePath(name).stem or name,
        blocks=blocks,
        authors=tuple(_authors(tei)),
        doi=next((xml.doi(xml.whole(found)) for found in tei.iterfind(".//idno[@type='DOI']")), ""),
    )


def _authors(tei: _Element) -> Iterator[str]:
    """Give the authors' names, forenames first."""
    source = tei.find(".//sourceDesc//analytic")
    for author in (tei if source is None else source).iterfind(".//author"):
        if source is None and not any(a.tag == "titleStmt" for a in author.iterancestors()):
            continue
        person = author.find(".//persName")
        name = xml.spaced(author if person is None else person)
        if name:
            yield name


def _abstract(tei: _Element) -> Iterator[Block]:
    """Give the abstract of the header."""
    for abstract in tei.iterfind(".//profileDesc/abstract"):
        sections = Sections()
        sections.enter(1, "Abstract")
        found = list(_parts(abstract, sections, 2))
        yield from found or _block(xml.spaced(abstract), sections)


def _parts(element: _Element, sections: Sections, level: int) -> Iterator[Block]:
    """Go through an element's children, in their order; see `jats`."""
    for tag, child in xml.children(element):
        if tag == "div":
            yield from _division(child, sections, level)
        elif tag == "table":
            rows = ([xml.spaced(cell) for cell in row] for row in child.iter("row"))
            lines = "\n".join(" | ".join(cells) for cells in rows if any(cells))
            yield from _block(many_lines(lines), sections, "table")
        elif tag in _PARAGRAPHS:
            kind = _PARAGRAPHS[tag]
            text = xml.spaced(child) if kind == "reference" else _inline(child)
            yield from _block(one_line(text), sections, kind)
        elif tag not in _SKIPPED:
            yield from _parts(child, sections, level)


def _division(element: _Element, sections: Sections, level: int) -> Iterator[Block]:
    """Go through a division below its head."""
    head = element.find("head")
    inner = Sections([*sections.path])
    if head is not None:
        inner.enter(level, f"{head.get('n') or ''} {xml.whole(head)}".strip())
    elif element.get("type") == "references":
        inner.enter(level, "References")
    yield from _parts(element, inner, level + 1)


def _inline(element: _Element) -> str:
    """Give a paragraph's text; raised numbers of notes and sources are left out."""
    parts = [element.text or ""]
    for tag, child in xml.children(element):
        words = _inline(child)
        mark = tag == "ref" and child.get("type") in _MARKS and words.strip().isdecimal()
        if not mark and tag != "note":
            parts.append(words)
        parts.append(child.tail or "")
    return "".join(parts)


def _block(text: str, sections: Sections, kind: Kind = "paragraph") -> Iterator[Block]:
    """Give a block, unless it would be empty."""
    if has_words(text):
        yield Block(text=text, section=str(sections), kind=kind)
