"""EPUB: the chapters of a book in their order, each read as the web page that it is."""

from collections.abc import Iterator
from pathlib import PurePath, PurePosixPath
from posixpath import normpath
from urllib.parse import unquote

from lxml.etree import _Element

from services.ingestor.cleaning.characters import has_words
from services.ingestor.reading import html, xml
from services.ingestor.reading.archives import Archive, opened
from services.ingestor.reading.decoding import decode
from services.ingestor.text import Block, Source
from shared.errors import DamagedDocument, NoText, UnreadableDocument

_CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html")


def read(name: str, data: bytes) -> Source:
    """Read a book; chapters that are missing or broken are named in `Source.missing`.

    Args:
        name: the file's name; the title where the book tells none.
        data: the whole file.

    Raises:
        DamagedDocument: it is cut short or broken, or none of its chapters can be read.
        EncryptedDocument: it wants a password.
        NoText: it holds no words.
    """
    lost: list[str] = []
    blocks: list[Block] = []
    with opened(name, data) as archive:
        book, folder = _book(name, archive)
        parts = list(_chapters(book, folder))
        for part in parts:
            try:
                blocks.extend(_chapter(archive, part))
            except UnreadableDocument:
                lost.append(part)
    if parts and len(lost) == len(parts):
        raise DamagedDocument(f"{name}: none of its {len(parts)} chapters can be read")
    if not blocks:
        raise NoText(f"{name}: the book holds no words")
    authors = (xml.whole(found) for found in book.iterfind("metadata/creator"))
    title = book.find("metadata/title")
    return Source(
        title=("" if title is None else xml.whole(title)) or PurePath(name).stem or name,
        blocks=blocks,
        authors=tuple(filter(None, authors)),
        doi=next(filter(None, (xml.doi(xml.whole(i)) for i in book.iter("identifier"))), ""),
        missing=f"chapters that cannot be read: {', '.join(lost)}"[:1_000] if lost else "",
    )


def _book(name: str, archive: Archive) -> tuple[_Element, PurePosixPath]:
    """Find the file that describes the book, and the folder that its paths start from."""
    container = xml.parsed(name, archive.read(_CONTAINER))
    root = next(container.iter("rootfile"), None)
    path = "" if root is None else root.get("full-path") or ""
    return xml.parsed(name, archive.read(path)), PurePosixPath(path).parent


def _chapters(book: _Element, folder: PurePosixPath) -> Iterator[str]:
    """Give the paths of the chapters, in the order of reading."""
    pages = {
        item.get("id"): str(item.get("href"))
        for item in book.iterfind("manifest/item")
        if item.get("media-type") in _PAGES and item.get("href")
    }
    for reference in book.iterfind("spine/itemref"):
        href = pages.get(reference.get("idref"))
        if href:
            yield normpath(str(folder / unquote(href.split("#")[0])))


def _chapter(archive: Archive, part: str) -> list[Block]:
    """Read one chapter."""
    text = decode(archive.read(part), declared=True)
    return html.body(text) if has_words(text) else []
