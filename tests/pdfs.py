"""PDFs made by hand, so that tests know every glyph's place: Helvetica on A4, uncompressed."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 595, 842
_CODES = {"\ufb01": "\\256", "\ufb02": "\\257"}  # the ligatures' places in StandardEncoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line of text: where its baseline begins, and how it is set."""

    text: str
    x: float
    y: float
    size: float = 10
    bold: bool = False
    turned: bool = False


def column(
    lines: Sequence[str], *, x: float, top: float, leading: float = 12, size: float = 10
) -> list[Text]:
    """Set lines below each other; an empty one leaves room."""
    placed = [Text(text=line, x=x, y=top - i * leading, size=size) for i, line in enumerate(lines)]
    return [line for line in placed if line.text]


def pdf(pages: Sequence[Sequence[Text]], *, title: str = "", trailer: bytes = b"") -> bytes:
    """Write a PDF.

    Args:
        pages: lines of each, in the order in which the file shall have them.
        title: of the metadata.
        trailer: more entries of the trailer's dictionary.
    """
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica%s/Encoding/StandardEncoding>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode(),
        font % b"",
        font % b"-Bold",
    ]
    for number, lines in enumerate(pages):
        objects.append(_page(6 + 2 * number))
        objects.append(_stream("\n".join(map(_show, lines)).encode("latin-1")))
    objects.append(f"<</Title({title})>>".encode())
    info = b"/Info %d 0 R" % len(objects)
    return _file(objects, info + trailer)


def scan(pages: int) -> bytes:
    """Write a PDF whose pages hold a grey box, as a scan holds a picture, and no text."""
    return _file(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b"3 0 R " * pages),
            _page(6),
            b"null",
            b"null",
            _stream(b"0.5 g 50 50 400 600 re f"),
        ],
        b"",
    )


def locked() -> bytes:
    """Write a PDF whose encryption dictionary fits no empty password."""
    key = b"<%s>" % (b"5a" * 32)
    encryption = b"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -44/O%s/U%s>>" % (key, key)
    lines = [Text(text="Nobody reads this.", x=50, y=700)]
    return pdf([lines], trailer=encryption + b"/ID[<%s><%s>]" % (b"11" * 16, b"11" * 16))


def _page(contents: int) -> bytes:
    """Write a page's object, given the number of its contents' object."""
    fonts = b"/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>"
    box = b"/MediaBox[0 0 %d %d]" % (WIDTH, HEIGHT)
    return b"<</Type/Page/Parent 2 0 R%s%s/Contents %d 0 R>>" % (box, fonts, contents)


def _show(line: Text) -> str:
    """Write the operators that show a line."""
    text = line.text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    for letter, code in _CODES.items():
        text = text.replace(letter, code)
    turn = "0 1 -1 0" if line.turned else "1 0 0 1"
    font = "F2" if line.bold else "F1"
    return f"BT /{font} {line.size} Tf {turn} {line.x} {line.y} Tm ({text}) Tj ET"


def _stream(content: bytes) -> bytes:
    """Write a stream's object."""
    return b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content)


def _file(objects: Sequence[bytes], trailer: bytes) -> bytes:
    """Put objects, their table and the trailer together."""
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % size
    tail = b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        trailer,
        len(out),
    )
    return out + head + table + tail
