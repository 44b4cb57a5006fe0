"""JATS XML, the format in which publishers and PubMed Central keep articles."""

from collections.abc import Iterator
from pathlib import PurePath

from lxml import etree
from lxml.etree import _Element

from services.ingestor.cleaning import marks
from services.ingestor.cleaning.characters import has_words, one_line
from services.ingestor.cleaning.headings import Sections
from services.ingestor.reading import xml
from services.ingestor.text import Block, Kind, Source
from shared.errors import NoText, UnsupportedType

# Inline marks that stand beside the text, not in it.
_SKIPPED = frozenset(
    (
        *("fn-group", "object-id", "label", "graphic", "media", "tex-math"),
        *("permissions", "supplementary-material", "processing-meta"),
    )
)
_PARAGRAPHS = frozenset(("p", "disp-quote", "verse-line", "attrib", "def", "term", "title-text"))
_BLOCKS_WITHIN = frozenset(
    (
        "list",
        "table-wrap",
        "fig",
        "fig-group",
        "disp-formula",
        "boxed-text",
        "disp-quote",
        "def-list",
        "code",
        "preformat",
    )
)


def read(name: str, data: bytes) -> Source:
    """Read an article.

    Args:
        name: the file's name; the title where the article tells none.
        data: the whole file.

    Raises:
        DamagedDocument: it is no well-formed XML.
        UnsupportedType: it is XML of another kind.
        NoText: the article holds no words, only metadata.
    """
    article = _article(name, data)
    blocks = list(_abstracts(article))
    for part in ("body", "back"):
        for element in article.iterfind(part):
            blocks.extend(_parts(element, Sections(), 1))
    if not blocks:
        raise NoText(f"{name}: the article holds neither abstract nor body, only metadata")
    title = article.find("front//article-title")
    told = "" if title is None else one_line(_inline(title))
    number = article.findtext("front//article-id[@pub-id-type='doi']") or ""
    return Source(
        title=told or PurePath(name).stem or name,
        blocks=blocks,
        authors=tuple(_authors(article)),
        doi=xml.doi(number),
    )


def _article(name: str, data: bytes) -> _Element:
    """Parse, and find the article."""
    root = xml.parsed(name, data)
    article = root if root.tag == "article" else next(root.iter("article"), None)
    if article is None or not (
        article.find("front") is not None or article.find("body") is not None
    ):
        raise UnsupportedType(
            f"{name}: this is XML with the root <{root.tag}>; of XML ragstream reads JATS and TEI"
        )
    return article


def _abstracts(article: _Element) -> Iterator[Block]:
    """Give the abstracts, each under its title."""
    for abstract in article.iterfind("front//abstract"):
        sections = Sections()
        title = abstract.find("title")
        sections.enter(1, "Abstract" if title is None else one_line(_inline(title)) or "Abstract")
        yield from _parts(abstract, sections, 2)


def _parts(element: _Element, sections: Sections, level: int) -> Iterator[Block]:
    """Go through an element's children, in their order.

    Args:
        element: a body, section, box or list.
        sections: where it stands.
        level: of the titles of sections right within it.
    """
    for child in element:
        tag = child.tag
        if not isinstance(tag, str) or tag in _SKIPPED or tag in ("title", "sec-meta"):
            continue
        if tag == "ref-list":
            yield from _references(child, sections, level)
        elif tag in ("sec", "app", "ack", "notes", "glossary"):
            yield from _section(child, sections, level)
        elif tag in ("table-wrap", "fig"):
            yield from _float(child, sections)
        elif tag in ("code", "preformat"):
            yield from _block(_inline(child), sections, "code")
        elif tag in _PARAGRAPHS:
            yield from _paragraph(child, sections, level)
        else:
            yield from _parts(child, sections, level)


def _references(element: _Element, sections: Sections, level: int) -> Iterator[Block]:
    """Give the entries of a list of literature."""
    inner = Sections([*sections.path])
    inner.enter(level, "References")
    for entry in element.iter("ref"):
        text = one_line(_spaced(entry))
        if has_words(text):
            yield Block(text=text, section=str(inner), kind="reference")


def _authors(article: _Element) -> Iterator[str]:
    """Give the authors' names, forenames first."""
    for person in article.iterfind("front//contrib[@contrib-type='author']"):
        parts = (person.findtext(f".//{part}") for part in ("given-names", "surname"))
        name = one_line(" ".join(filter(None, parts)) or person.findtext(".//collab") or "")
        if name:
            yield name


def _section(element: _Element, sections: Sections, level: int) -> Iterator[Block]:
    """Go through a section below its title."""
    title, label = element.find("title"), element.find("label")
    named = "Acknowledgements" if element.tag == "ack" else ""
    text = one_line(_inline(title)) if title is not None else named
    number = one_line(_inline(label)) if label is not None else ""
    inner = Sections([*sections.path])
    inner.enter(level, f"{number} {text}".strip())
    yield from _parts(element, inner, level + 1)


def _paragraph(element: _Element, sections: Sections, level: int) -> Iterator[Block]:
    """Give a paragraph, and after it the lists, tables and figures that stand within it."""
    inner = [child for child in element if child.tag in _BLOCKS_WITHIN]
    floats = [child for child in inner if child.tag != "disp-formula"]
    yield from _block(_inline(element), sections)
    for child in floats:
        holder = etree.Element("holder")
        holder.append(child)  # moves it: its text has been read without it
        yield from _parts(holder, sections, level)


def _float(element: _Element, sections: Sections) -> Iterator[Block]:
    """Give a table's or figure's label and caption, and a table's rows."""
    heads = [element.find("label"), element.find("caption")]
    text = " ".join(one_line(_spaced(head)) for head in heads if head is not None)
    yield from _block(text, sections, "caption")
    rows = ([one_line(_spaced(cell)) for cell in row] for row in element.iter("tr"))
    lines = [" | ".join(cells) for cells in rows if any(cells)]
    if lines:
        yield Block(text="\n".join(lines), section=str(sections), kind="table")


def _block(text: str, sections: Sections, kind: Kind = "paragraph") -> Iterator[Block]:
    """Give a block, unless it would be empty."""
    if has_words(text):
        yield Block(text=one_line(text), section=str(sections), kind=kind)


def _inline(element: _Element) -> str:
    """Give a paragraph's own text, without what stands within it as a block."""
    return marks.resolved(_runs(element))


def _runs(element: _Element, *, raised: bool = False) -> Iterator[tuple[str, bool]]:
    """Go through an element's text and its inline children's; say what of it is raised."""
    yield element.text or "", raised
    for child in element:
        skipped = child.tag in _SKIPPED or child.tag in (_BLOCKS_WITHIN - {"disp-formula"})
        if isinstance(child.tag, str) and not skipped:
            yield from _runs(child, raised=raised or _is_raised(child))
        elif skipped:
            yield " ", False
        yield child.tail or "", raised


def _is_raised(element: _Element) -> bool:
    """Whether an element is set raised; for numbers of sources that is left to the page."""
    if element.tag != "xref":
        return element.tag == "sup"
    before = element.getprevious()
    parent = element.getparent()
    text = (parent.text if parent is not None else "") if before is None else before.tail
    return (text or " ")[-1].isalnum() and element.get("ref-type") != "fig"


def _spaced(element: _Element) -> str:
    """Give all of an element's text, with a space where one child ends and the next begins."""
    return " ".join(map(str, element.itertext()))
