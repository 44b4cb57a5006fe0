"""Fifty damaged files over all formats, the same for the same seed: cut, flipped, nested."""

import functools
import random
from collections.abc import Iterator

from tests.attacks import pdf_of, xml_laughs
from tests.packed import docx, epub, packed, paragraph
from tests.pdfs import column, pdf

_WORDS = "oak ash elm yew grow tall trees plots species counts of the in and"
_BOMB = 301 * 2**20


def documents(seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Give the damage, the file's name and its bytes: 18 cut, 27 flipped, 5 bombs."""
    chance = random.Random(seed)  # noqa: S311 - the same files again matter, not secrecy
    for name, whole in _sound(chance).items():
        for share in (0.3, 0.8):
            at = round(share * len(whole)) + chance.randrange(9)
            yield f"cut at {at}", name, whole[:at]
        for count in (1, 20, 400):
            yield f"{count} bits flipped", name, _flipped(whole, count, chance)
    yield from _bombs()


def _flipped(whole: bytes, count: int, chance: random.Random) -> bytes:
    """Flip bits at random, anywhere."""
    data = bytearray(whole)
    for _ in range(count):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _sound(chance: random.Random) -> dict[str, bytes]:
    """Write a sound file of each format, two kilobytes and more of words."""
    sentences = [" ".join(chance.choices(_WORDS.split(), k=9)) + "." for _ in range(60)]
    text = " ".join(sentences)
    page = f"<html><body><h1>Trees</h1><p>{text}</p></body></html>"
    tei = f'<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body><p>{text}</p></body></text></TEI>'
    return {
        "x.pdf": pdf([column(sentences[:50], x=50, top=780)] * 3),
        "x.docx": docx("".join(map(paragraph, sentences))),
        "x.epub": epub({f"{n}.xhtml": page for n in range(3)}),
        "x.html": page.encode(),
        "x.md": f"# Trees\n\n{text}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".encode(),
        "x.tex": rf"\begin{{document}}\section{{A}} {text}\end{{document}}".encode(),
        "x.txt": text.encode(),
        "x.xml": f'<?xml version="1.0"?><article><body><p>{text}</p></body></article>'.encode(),
        "x.tei.xml": f'<?xml version="1.0"?>{tei}'.encode(),
    }


def _bombs() -> Iterator[tuple[str, str, bytes]]:
    """Give small files that ask for more than any paper does."""
    yield "zip bomb", "bomb.docx", _zip_bomb()
    yield (
        "book of one chapter",
        "bomb.epub",
        epub({"a.xhtml": "<p>Oak</p>"}, listed=("a.xhtml",) * 20_000),
    )
    yield "laughs", "bomb.xml", xml_laughs()
    yield "nested braces", "bomb.tex", b"\\begin{document}" + b"\\emph{" * 200_000
    yield "nested arrays", "bomb.pdf", pdf_of([b"[" * 1_000_000])


@functools.cache  # packing it takes a second or two
def _zip_bomb() -> bytes:
    return packed({"x": "", "word/document.xml": b" " * _BOMB})
