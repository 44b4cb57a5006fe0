"""PDF readers side by side: a file's bytes to its text, in each one's plain way."""

import io
import logging
from collections.abc import Callable

from benchmarks.places import SET_UP
from services.ingestor.reading import read
from shared.errors import SetupError

OURS = "ragstream"
Reader = Callable[[bytes], str]


def readers() -> dict[str, Reader]:
    """Give all readers by name, ours first.

    Raises:
        SetupError: a peer is not installed.
    """
    try:
        import pdfminer.high_level  # noqa: PLC0415 - peers are the benchmarks' alone
        import pymupdf  # noqa: PLC0415 - as above
        import pypdf  # noqa: PLC0415 - as above
    except ModuleNotFoundError as exc:
        raise SetupError(f"{exc.name} is missing: run `{SET_UP}`") from exc
    for peer in ("pypdf", "pdfminer"):
        logging.getLogger(peer).setLevel(logging.CRITICAL)

    def by_pypdf(data: bytes) -> str:
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)

    def by_pdfminer(data: bytes) -> str:
        return str(pdfminer.high_level.extract_text(io.BytesIO(data)))

    def by_pymupdf(data: bytes) -> str:
        with pymupdf.open(stream=data, filetype="pdf") as document:
            return "\n".join(page.get_text() for page in document)

    return {OURS: ours, "pypdf": by_pypdf, "pdfminer.six": by_pdfminer, "pymupdf": by_pymupdf}


def ours(data: bytes) -> str:
    """Read with the ingestor's own reader."""
    return "\n".join(block.text for block in read("paper.pdf", data).blocks)
