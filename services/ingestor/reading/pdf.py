"""PDF, through PDFium.

PDFium is not thread-safe, not even for two documents at once, so a lock lets one thread at a time
into it: a cancelled task's thread works on while the next begins. More speed is more processes.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from threading import Lock
from unicodedata import category

import pypdfium2 as pdfium
from pypdfium2 import raw

from services.ingestor.cleaning import document, front
from services.ingestor.cleaning.characters import one_line
from services.ingestor.cleaning.lines import Line
from services.ingestor.reading.glyphs import pieces
from services.ingestor.text import Source
from shared.errors import DamagedDocument, EncryptedDocument, NoText

_one_at_a_time = Lock()
_OBJECT = re.compile(rb"(?<!\d)\d{1,10} \d{1,5} obj\b")
_LOCKED = (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)
_FILE_NAME = re.compile(
    r"\.(?:docx?|tex|dvi|pdf|txt|rtf|odt|indd|qxd|pptx?|ps)\W*$|^untitled|^microsoft word",
    re.IGNORECASE,
)
# What a font without a Unicode map gives: control characters, private use, ornaments.
_NO_LETTERS = frozenset(("Cc", "Co", "Cn", "So"))
_UNREADABLE_SHARE = 0.3
_SHORTEST_TITLE = 4
_LONGEST_LIST = 1_000  # characters of pages' numbers


def read(name: str, data: bytes) -> Source:
    """Read a PDF that carries text; pages that cannot be read are named in `Source.missing`.

    Args:
        name: the file's name; its title where the document tells none.
        data: the whole file.

    Raises:
        EncryptedDocument: it wants a password.
        DamagedDocument: it is cut short or broken, or none of its pages can be opened.
        NoText: its pages are pictures, or its letters have no meaning for a program.
    """
    if _is_cut_short(data):
        raise DamagedDocument(
            f"{name}: the PDF ends before its end mark, so part of it is missing; "
            "download or export the file again"
        )
    with _one_at_a_time, _opened(name, data) as pdf:
        found = [_page(pdf, index) for index in range(len(pdf))]
        told = _told_title(pdf)
        metadata = pdf.get_metadata_dict()
    pages = [lines or [] for lines in found]
    _check_text(name, found)
    title, blocks = document.clean(pages)
    if not blocks:
        raise NoText(f"{name}: the {_count(pages)} hold nothing but page numbers and running heads")
    first = [metadata.get("Subject", ""), *(line.text for line in pages[0])]
    return Source(
        title=told or title or PurePath(name).stem or name,
        blocks=blocks,
        pages=len(pages),
        authors=front.authors(one_line(metadata.get("Author", "")), blocks),
        doi=front.doi(first),
        missing=_missing(found),
    )


@contextmanager
def _opened(name: str, data: bytes) -> Iterator[pdfium.PdfDocument]:
    """Open a document, and close it whatever happens."""
    try:
        pdf = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as exc:
        if exc.err_code in _LOCKED:
            raise EncryptedDocument(
                f"{name}: the PDF opens only with a password; save a copy without one and send that"
            ) from exc
        raise DamagedDocument(
            f"{name}: the PDF cannot be opened, its structure is broken; "
            "download or export the file again"
        ) from exc
    try:
        yield pdf
    finally:
        pdf.close()


def _page(pdf: pdfium.PdfDocument, index: int) -> list[Line] | None:
    """Gather one page's pieces of text; None for a page that cannot be opened."""
    try:
        page = pdf[index]
        try:
            return pieces(page, index + 1)
        finally:
            page.close()
    except pdfium.PdfiumError:
        return None


def _missing(found: Sequence[list[Line] | None]) -> str:
    """Name the pages of which nothing was read.

    PDFium skips what it cannot unpack and says nothing, so a page with damaged contents cannot be
    told from an empty one or a picture.
    """
    broken = [str(number) for number, lines in enumerate(found, 1) if lines is None]
    bare = [str(number) for number, lines in enumerate(found, 1) if lines == []]
    words = (
        f"pages that are broken: {', '.join(broken)}" if broken else "",
        f"pages without text (empty, pictures or damaged): {', '.join(bare)}" if bare else "",
    )
    return "; ".join(filter(None, words))[:_LONGEST_LIST]


def _is_cut_short(data: bytes) -> bool:
    """Whether objects follow the last end mark, or there is none.

    PDFium repairs such files silently and gives the pages it finds: answers would then be missing
    without anyone knowing. Bytes that are no objects, as servers append them, do no harm.
    """
    end = max(data.rfind(b"%%EOF"), data.rfind(b"startxref"))
    return end < 0 or _OBJECT.search(data, end) is not None


def _check_text(name: str, found: Sequence[list[Line] | None]) -> None:
    """Refuse scans, and fonts whose glyphs stand for no letters."""
    pages = [lines for lines in found if lines is not None]
    if not pages:
        raise DamagedDocument(
            f"{name}: none of its {len(found)} pages can be opened; download or export it again"
        )
    text = "".join(line.text for lines in pages for line in lines)
    if not any(letter.isalnum() for letter in text):
        raise NoText(
            f"{name}: no text on the {_count(pages)}, which are probably scanned; "
            "run OCR on the file (for example with ocrmypdf) and send the result"
        )
    lost = sum(category(letter) in _NO_LETTERS for letter in text)
    if lost > _UNREADABLE_SHARE * len(text):
        raise NoText(
            f"{name}: the fonts on the {_count(pages)} do not say which letters they draw; "
            "run OCR on the file (for example with ocrmypdf --force-ocr) and send the result"
        )


def _count(pages: list[list[Line]]) -> str:
    """Say how many pages were looked at."""
    return "1 page" if len(pages) == 1 else f"{len(pages)} pages"


def _told_title(pdf: pdfium.PdfDocument) -> str:
    """Take the title from the metadata, unless a program filled it in; "" for none."""
    title = one_line(pdf.get_metadata_value("Title") or "")
    letters = sum(letter.isalpha() for letter in title)
    return "" if letters < _SHORTEST_TITLE or _FILE_NAME.search(title) else title
