"""Documents made to hurt who reads them. Each is small; what it asks for is not."""

import zlib
from collections.abc import Iterator

from tests.pdfs import HEIGHT, WIDTH

SECRET = "root:x:0:0"  # noqa: S105 - how /etc/passwd begins


def pdf_of(objects: list[bytes]) -> bytes:
    """Write a PDF whose catalogue is object 1, without a table: PDFium rebuilds it."""
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % item for item in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n"


def _page(contents: bytes) -> bytes:
    box = b"/MediaBox[0 0 %d %d]" % (WIDTH, HEIGHT)
    return b"<</Type/Page/Parent 2 0 R%s/Resources<</Font<</F1 5 0 R>>>>%s>>" % (box, contents)


_CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
_TEXT = b"<</Length 44>>\nstream\nBT /F1 10 Tf 50 700 Td (Oaks grow tall.) Tj ET\nendstream"


def _deflated(pattern: bytes, size: int) -> bytes:
    """Pack a repeated pattern of `size` bytes, a piece at a time."""
    packer, piece = zlib.compressobj(9), pattern * (2**20 // len(pattern))
    parts = [packer.compress(piece) for _ in range(size // len(piece))]
    return b"".join([*parts, packer.flush()])


def pdf_bomb(pattern: bytes, size: int = 600 * 2**20) -> bytes:
    """A page whose contents are 1 MB packed twice, and hundreds of MB unpacked."""
    packed = zlib.compress(_deflated(pattern, size), 9)
    filters = b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>" % len(packed)
    stream = b"%s\nstream\n%s\nendstream" % (filters, packed)
    pages = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
    return pdf_of([_CATALOG, pages, _page(b"/Contents 4 0 R"), stream, _FONT])


def pdf_of_pages(count: int, kids: bytes) -> bytes:
    """A PDF that says how many pages it has, and lists these."""
    pages = b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids)
    return pdf_of([_CATALOG, pages, _page(b"/Contents 4 0 R"), _TEXT, _FONT])


def pdf_of_forms(depth: int) -> bytes:
    """A page that draws a form ten times, which draws a form ten times, and so on."""
    first = 6
    objects = [_CATALOG, b"<</Type/Pages/Count 1/Kids[3 0 R]>>"]
    objects += [_page(b"/Contents 4 0 R").replace(b"/Font", b"/XObject<</X 6 0 R>>/Font")]
    objects += [b"<</Length 50>>\nstream\n" + b"/X Do " * 10 + b"\nendstream", _FONT]
    for level in range(depth):
        inner = b"/XObject<</X %d 0 R>>" % (first + level + 1)
        draw = b"/X Do " * 10 if level < depth - 1 else b"BT /F1 9 Tf (Oak) Tj ET"
        head = (
            b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<<%s/Font<</F1 5 0 R>>>>" % inner
        )
        objects.append(b"%s/Length %d>>\nstream\n%s\nendstream" % (head, len(draw), draw))
    return pdf_of(objects)


def xml_laughs() -> bytes:
    """A few entities that each name ten of the one before: 10 GB."""
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 11)]
    return jats("<p>Oaks &a10; grow.</p>", f"<!DOCTYPE article [{''.join(lines)}]>")


def xml_file(uri: str) -> bytes:
    """An entity that stands for a file of the machine that reads it."""
    return jats("<p>Oaks &f; grow.</p>", f'<!DOCTYPE article [<!ENTITY f SYSTEM "{uri}">]>')


def jats(body: str, head: str = "") -> bytes:
    return f'<?xml version="1.0"?>{head}<article><body>{body}</body></article>'.encode()


def documents() -> Iterator[tuple[str, str, bytes]]:
    """Name of the attack, name of the file, bytes."""
    yield "spaces", "x.pdf", pdf_bomb(b" ")
    yield "operators", "x.pdf", pdf_bomb(b"BT (a) Tj ET q ")
    yield "letters", "x.pdf", pdf_bomb(b"BT /F1 9 Tf 50 50 Td (oakoak oakoak) Tj ET ")
    yield "page cycle", "x.pdf", pdf_of_pages(3, b"2 0 R 3 0 R 2 0 R")
    yield "count of pages", "x.pdf", pdf_of_pages(10_000_000, b"3 0 R")
    yield "endless pages", "x.pdf", pdf_of_pages(300_000, b"3 0 R " * 300_000)
    yield "forms in forms", "x.pdf", pdf_of_forms(12)
    yield "nested arrays", "x.pdf", pdf_of([b"[" * 1_000_000, _FONT])
    yield "laughs", "x.xml", xml_laughs()
    yield "file", "x.xml", xml_file("file:///etc/passwd")
    yield "nested xml", "x.xml", jats("<sec>" * 100_000 + "Oaks")
    yield (
        "repeated title",
        "x.xml",
        jats(f"<sec><title>{'oak ' * 100_000}</title>{'<p>An oak.</p>' * 40_000}</sec>"),
    )
    for tag in ("div", "span", "table><tr><td", "svg", "b"):
        yield f"nested {tag}", "x.html", f"<html><body>Oaks{f'<{tag}>' * 100_000}".encode()
    yield (
        "html file",
        "x.html",
        (b'<!DOCTYPE html [<!ENTITY f SYSTEM "file:///etc/passwd">]><html><body><p>Oaks &f; grow.'),
    )
    yield (
        "html include",
        "x.md",
        b"# Oaks\n\n<iframe src='file:///etc/passwd'></iframe>\n\nOaks grow.\n",
    )
    yield "quotes in quotes", "x.md", b"> " * 200_000 + b"oak"
    yield "lists in lists", "x.md", b"- " * 100_000 + b"oak"
