"""Documents of every kind that ragstream reads, each through its own module."""

from collections.abc import Callable
from dataclasses import replace

from services.ingestor.reading import docx, epub, html, jats, latex, markdown, pdf, tei, text
from services.ingestor.reading.decoding import LOST
from services.ingestor.reading.detect import Format, detect
from services.ingestor.text import Source
from shared.errors import DamagedDocument, EmptyDocument, UnreadableDocument

_READERS: dict[Format, Callable[[str, bytes], Source]] = {
    "pdf": pdf.read,
    "docx": docx.read,
    "epub": epub.read,
    "html": html.read,
    "latex": latex.read,
    "markdown": markdown.read,
    "text": text.read,
    "jats": jats.read,
    "tei": tei.read,
}

_LONGEST_TITLE = 1_000  # characters: every citation repeats it


def read(name: str, data: bytes) -> Source:
    """Read a document of any supported kind.

    Safe to call from any thread; PDFs are opened one at a time, see `pdf`.

    Args:
        name: the file's name; used in messages, for the title where there is no other, and to
            tell Markdown from plain text.
        data: the whole file.

    Raises:
        EmptyDocument: 0 bytes.
        UnsupportedType: no reader knows the kind.
        EncryptedDocument: it wants a password.
        DamagedDocument: it is broken.
        NoText: there is nothing to read in it.
    """
    if not data:
        raise EmptyDocument(f"{name}: the file is empty (0 bytes); was it fully written?")
    try:
        source = _READERS[detect(name, data)](name, data)
        return replace(
            source, title=source.title[:_LONGEST_TITLE], missing=source.missing or _lost(source)
        )
    except (UnreadableDocument, MemoryError):
        raise  # the second is the machine's trouble, not the document's
    except Exception as exc:
        # Parsers fail on hostile bytes in ways that nobody has listed. No try can mend the bytes,
        # so the worker must not take it for its own failure.
        raise DamagedDocument(f"{name}: cannot be read ({type(exc).__name__}: {exc})") from exc


def _lost(source: Source) -> str:
    """Say how many characters came out as none."""
    lost = sum(block.text.count(LOST) for block in source.blocks)
    return f"characters that cannot be read: {lost}" if lost else ""
