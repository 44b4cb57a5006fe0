"""What kind of document some bytes are: by their content first, then by their name."""

import re
from pathlib import PurePath
from typing import Literal

from services.ingestor.reading.decoding import has_mark
from shared.errors import DamagedDocument, UnsupportedType

Format = Literal["pdf", "docx", "epub", "html", "markdown", "latex", "text", "jats", "tei"]

SUPPORTED = "PDF, DOCX, EPUB, HTML, Markdown, LaTeX, plain text, and JATS or TEI XML"
_HEAD = 4096
_PDF = re.compile(rb"%PDF-\d")
_HTML_ROOT = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_HTML = re.compile(rb"<!doctype\s+html|<(?:html|head|body)[\s>]", re.IGNORECASE)
_XML = re.compile(rb"\s*<(?:\?xml|!doctype\s+article|article[\s>])", re.IGNORECASE)
_OFFICE = {
    b"xl/": "an Excel workbook",
    b"ppt/": "a PowerPoint presentation",
    b"application/vnd.oasis": "an OpenDocument file",
}
# What a text does not have, and packed data has in every tenth byte.
_CONTROLS = bytes({*range(1, 32)} - set(b"\b\t\n\f\r\x1b"))
_CONTROL_SHARE = 0.02
_PDF_OBJECT = re.compile(rb"^\d{1,10} \d{1,5} obj\b", re.MULTILINE)
_NAMED = {".docx": "a Word document", ".epub": "an EPUB book"}
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"RIFF": "a sound, film or WebP file",
    b"MZ": "a Windows program",
    b"\x7fELF": "a Linux program",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\xd0\xcf\x11\xe0": "an old Office document (doc, xls or ppt)",
    b"%!PS": "a PostScript file",
    b"{\\rtf": "an RTF document",
    b"AT&TFORM": "a DjVu document",
    b"SQLite format 3": "an SQLite database",
}
_MARKDOWN = frozenset((".md", ".markdown", ".mdown", ".mkd", ".qmd", ".rmd"))
_LATEX = re.compile(rb"^\s*\\(?:documentclass|documentstyle|begin\{document\})", re.MULTILINE)
_TEI = re.compile(rb"<(?:\w+:)?TEI[\s>]")
_ZIP = b"PK\x03\x04"
_EPUB = b"application/epub+zip"
_DOCX = b"word/document.xml"
_LATEX_NAMES = frozenset((".tex", ".ltx", ".latex"))
_HTML_NAMES = frozenset((".html", ".htm", ".xhtml"))
_XML_NAMES = frozenset((".xml", ".nxml", ".jats"))
_TEI_NAMES = frozenset((".tei",))


def detect(name: str, data: bytes) -> Format:
    """Tell which reader reads a document.

    Args:
        name: the file's name; its extension decides where the bytes are plain text.
        data: at least one byte.

    Raises:
        UnsupportedType: no reader knows the kind.
        DamagedDocument: the name says PDF, DOCX or EPUB, the bytes do not; or they are a PDF's
            without its beginning.
    """
    head, ending = data[:_HEAD], PurePath(name).suffix.lower()
    if _PDF.search(head[:1024]):
        return "pdf"
    packed = _packed(head, data)
    if packed:
        return packed
    other = _foreign(data)
    if other and not ("zip archive" in other and ending in _NAMED):
        raise UnsupportedType(f"{name}: this is {other}; ragstream reads {SUPPORTED}")
    if other or _is_binary(data):
        return _refuse_binary(name, ending, data)
    marked = head.replace(b"\0", b"")  # UTF-16's markup shows without its zero bytes
    return _marked(marked, ending) or _by_name(name, ending, data)


def _packed(head: bytes, data: bytes) -> Format | None:
    """Tell the formats that are zip archives."""
    if not data.startswith(_ZIP):
        return None
    return "epub" if _EPUB in head else "docx" if _DOCX in data else None


def _marked(marked: bytes, ending: str) -> Format | None:
    """Tell the formats whose text shows what it is."""
    if _XML.match(marked.lstrip(b"\xef\xbb\xbf\xfe\xff")) and not _HTML_ROOT.search(marked):
        return "tei" if _TEI.search(marked) else "jats"
    if ending in _LATEX_NAMES or _LATEX.search(marked):
        return "latex"
    if _HTML.search(marked):
        return "html"
    return None


def _by_name(name: str, ending: str, data: bytes) -> Format:
    """Tell the format of text that shows none of its own."""
    if ending == ".pdf" or (not ending and _PDF_OBJECT.search(data)):
        raise DamagedDocument(
            f"{name}: named as a PDF or full of its objects, but it has no PDF's beginning"
        )
    if ending in _NAMED:
        raise DamagedDocument(f"{name}: named as {_NAMED[ending]}, but it is something else")
    if ending in _HTML_NAMES:
        return "html"
    if ending in _TEI_NAMES:
        return "tei"
    if ending in _XML_NAMES:
        return "jats"
    return "markdown" if ending in _MARKDOWN else "text"


def _foreign(data: bytes) -> str | None:
    """Name a known kind of file that nobody reads."""
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature) and _is_certain(signature, data):
            if signature == b"PK\x03\x04":
                return next((k for part, k in _OFFICE.items() if part in data), kind)
            return kind
    return None


def _is_certain(signature: bytes, data: bytes) -> bool:
    """Whether a signature of mere letters is none: "MZ" and "RIFF" may begin a text."""
    return not signature.isalnum() or _is_binary(data)


def _is_binary(data: bytes) -> bool:
    """Whether bytes are no text: zero bytes or many controls without a mark that explains them."""
    if has_mark(data):
        return False
    controls = len(data) - len(data.translate(None, _CONTROLS))
    return b"\0" in data[: 4 * _HEAD] or controls > _CONTROL_SHARE * len(data)


def _refuse_binary(name: str, ending: str, data: bytes) -> Format:
    """Say what is wrong with bytes that nothing is known of."""
    if ending == ".pdf" or _PDF_OBJECT.search(data):
        raise DamagedDocument(
            f"{name}: a PDF whose beginning is missing; download or export it again"
        )
    if ending in _NAMED:
        raise DamagedDocument(
            f"{name}: {_NAMED[ending]} that is cut short or broken; download or export it again"
        )
    raise UnsupportedType(f"{name}: binary data of an unknown kind; ragstream reads {SUPPORTED}")
