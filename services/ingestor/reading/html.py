"""HTML: the main text of a page, without its menus, scripts and footers.

A page that marks its main part (`<main>`, `<article>`) is taken at its word, for nothing is then
lost. For the others trafilatura finds the main part; where it finds too little to be true, the
whole body is read.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath

import trafilatura
from lxml import html as lxml_html
from lxml.html import HtmlElement

from services.ingestor.cleaning import marks
from services.ingestor.cleaning.characters import has_words, many_lines, one_line
from services.ingestor.cleaning.headings import Sections
from services.ingestor.reading.decoding import decode
from services.ingestor.reading.xml import doi
from services.ingestor.text import Block, Kind, Source
from shared.errors import NoText

_NOISE = (
    *("script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "form"),
    *("button", "select", "input", "nav", "aside", "header", "footer", "dialog"),
)
_NOISE_ROLES = ("navigation", "banner", "contentinfo", "search", "complementary", "dialog")
_INNER_NOISE = frozenset(("header",))  # within the main part a header holds its title
_PART = re.compile(
    "address|article|blockquote|body|center|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|"
    "header|hr|li|main|ol|p|section|summary|ul|table|pre|h[1-6]"
)
# As publishers and repositories write them for search engines.
_AUTHORS = ("citation_author", "dc.creator", "author")
_DOIS = ("citation_doi", "dc.identifier", "prism.doi")
_HEADING = re.compile(r"h([1-6])")
_PERMALINK = re.compile(r"\s*[¶#§]$")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_OPENS = re.compile(r"<html[\s>]", re.IGNORECASE)
_CLOSES = re.compile(r"</(?:html|body)\s*>", re.IGNORECASE)
_SHORT = 1000  # characters; trafilatura guesses by the lengths of texts, and needs some
_ENOUGH = 0.2  # less of the page's words than this is no main part but a find gone wrong


def read(name: str, data: bytes) -> Source:
    """Read a web page.

    Args:
        name: the file's name; the title where the page tells none.
        data: the whole file.

    Raises:
        NoText: there are no words outside menus and scripts.
    """
    text = _DECLARATION.sub("", decode(data, declared=True))
    if not has_words(text):
        raise NoText(f"{name}: the page holds no words")
    page = _parsed(text)
    title = _title(page)
    blocks = list(_blocks(_main(page, text), title))
    if not blocks:
        raise NoText(f"{name}: the page holds no words outside its menus and scripts")
    return Source(
        title=title or PurePath(name).stem or name,
        blocks=blocks,
        authors=tuple(_told(page, _AUTHORS)),
        doi=next(filter(None, map(doi, _told(page, _DOIS))), ""),
        missing="the page may be cut short: it has no end" if _is_cut_short(text) else "",
    )


def _is_cut_short(text: str) -> bool:
    """Whether a page that opens its root, as whole pages do, never closes it."""
    return bool(_OPENS.search(text)) and not _CLOSES.search(text)


def body(text: str) -> list[Block]:
    """Read all of a page but its menus: a chapter of a book is main text from end to end."""
    return list(_blocks(_cleared(_parsed(_DECLARATION.sub("", text)), keep=_INNER_NOISE), ""))


def _told(page: HtmlElement, names: tuple[str, ...]) -> list[str]:
    """Give what a page's metadata says under the first of some names that it has."""
    for name in names:
        found = _find(page, f"//meta[translate(@name, 'DC', 'dc')='{name}']")
        told = [one_line(item.get("content") or "") for item in found]
        if any(told):
            return list(filter(None, told))
    return []


def _title(page: HtmlElement) -> str:
    """Find the title: the only `<h1>`, else what `<title>` says."""
    heads = _find(page, "//h1")
    found = heads if len(heads) == 1 else _find(page, "//head/title")
    return _PERMALINK.sub("", one_line(_text(found[0]))) if found else ""


def _main(page: HtmlElement, text: str) -> HtmlElement:
    """Find the element that holds the main text."""
    marked = _find(page, "//main | //*[@role='main']") or _find(
        page, "//article[not(ancestor::article)]"
    )
    if len(marked) == 1:
        return _cleared(marked[0], keep=_INNER_NOISE)
    body = _cleared(page)
    if len(_text(body)) < _SHORT:
        return body
    found = trafilatura.extract(
        text, output_format="html", include_comments=False, include_tables=True, favor_recall=True
    )
    if not found:
        return body
    main = _parsed(found)
    return main if len(_text(main)) > _ENOUGH * len(one_line(_text(body))) else body


def _cleared(element: HtmlElement, keep: frozenset[str] = frozenset()) -> HtmlElement:
    """Take out of an element what is no text of its own."""
    roles = " or ".join(f"@role='{role}'" for role in _NOISE_ROLES)
    tags = " | ".join(f".//{tag}" for tag in _NOISE if tag not in keep)
    for noise in _find(element, f"{tags} | .//*[{roles} or @hidden or @aria-hidden='true']"):
        if noise.getparent() is not None:
            noise.drop_tree()  # keeps the text behind the element, which `remove` would lose
    return element


def _blocks(main: HtmlElement, title: str) -> Iterator[Block]:
    """Go through an element's parts, in their order."""
    sections = Sections()
    _resolve_raised(main)
    for kind, tag, raw in _parts(main):
        text = many_lines(raw) if kind in ("code", "table") else one_line(raw)
        heading = _HEADING.fullmatch(tag)
        if heading:
            text = _PERMALINK.sub("", text)
            if text and text != title:
                sections.enter(int(heading[1]), text)
        elif has_words(text):
            yield Block(text=text, section=str(sections), kind=kind)


def _resolve_raised(main: HtmlElement) -> None:
    """Take the raised numbers of notes and sources out of the text, and write exponents plainly."""
    for raised in _find(main, ".//sup"):
        parent, before = raised.getparent(), raised.getprevious()
        text = "" if parent is None else (parent.text if before is None else before.tail) or ""
        words = one_line(_text(raised, ""))
        tail = raised.tail or ""
        resolved = marks.resolved([(text[-20:], False), (words, True)])[len(text[-20:]) :]
        raised.clear()
        raised.text, raised.tail = resolved, tail


def _parts(element: HtmlElement) -> Iterator[tuple[Kind, str, str]]:
    """Cut an element into (kind, tag, text) at its block-level elements."""
    tag = str(element.tag)
    if tag == "table" and not element.xpath(".//table"):
        yield "table", tag, _table(element)
    elif tag == "pre":
        yield "code", tag, _text(element, "")
    elif _HEADING.fullmatch(tag):
        yield "paragraph", tag, _text(element)
    else:
        kind: Kind = "caption" if tag == "figcaption" else "paragraph"
        yield from ((kind, "", part) if isinstance(part, str) else part for part in _mixed(element))


def _mixed(element: HtmlElement) -> Iterator[str | tuple[Kind, str, str]]:
    """Give runs of inline text, and the parts of the block-level elements between them."""
    run = element.text or ""
    for child in element:
        if not isinstance(child.tag, str):
            pass  # a comment
        elif _PART.fullmatch(child.tag) or child.xpath(
            "boolean(.//p | .//div | .//table | .//pre)"
        ):
            yield run
            yield from _parts(child)
            run = ""
        else:
            run += "\n" if child.tag == "br" else _text(child, "")
        run += child.tail or ""
    yield run


def _table(table: HtmlElement) -> str:
    """Give a table as lines, its cells parted by bars."""
    rows = [
        [one_line(_text(cell)) for cell in _find(row, "./th | ./td")] for row in table.iter("tr")
    ]
    caption = [one_line(_text(part)) for part in _find(table, "./caption")]
    return "\n".join([*caption, *(" | ".join(row) for row in rows if any(row))])


def _text(element: HtmlElement, between: str = " ") -> str:
    """Give all the text in an element, comments aside."""
    return between.join(map(str, element.itertext()))


def _parsed(text: str) -> HtmlElement:
    """Parse a page; its comments and processing instructions are no text."""
    parser = lxml_html.HTMLParser(remove_comments=True, remove_pis=True)
    return lxml_html.document_fromstring(text, parser=parser)


def _find(element: HtmlElement, path: str) -> list[HtmlElement]:
    """Find elements by XPath, which in general may give other things too."""
    found = element.xpath(path)
    return (
        [item for item in found if isinstance(item, HtmlElement)] if isinstance(found, list) else []
    )
