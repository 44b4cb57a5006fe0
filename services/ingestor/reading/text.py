"""Plain text: paragraphs lie between empty lines."""

import re
from pathlib import PurePath

from services.ingestor.cleaning import headings, hyphenation
from services.ingestor.cleaning.characters import has_words, one_line
from services.ingestor.reading.decoding import decode
from services.ingestor.text import Block, Source
from shared.errors import NoText

_EMPTY = re.compile(r"\n\s*\n|\f")


def read(name: str, data: bytes) -> Source:
    """Read plain text in any encoding.

    Args:
        name: the file's name, which gives the title.
        data: the whole file.

    Raises:
        NoText: it holds no letter and no digit.
    """
    text = decode(data)
    if not has_words(text):
        raise NoText(f"{name}: the file holds no words")
    known = hyphenation.vocabulary(line.strip() for line in text.splitlines())
    sections, blocks = headings.Sections(), list[Block]()
    for part in _EMPTY.split(text):
        paragraph = _paragraph(part, known)
        level = headings.level(paragraph, scale=1, bold=False, apart=True) if paragraph else None
        if level is not None and "\n" not in part.strip():
            sections.enter(level, paragraph)
        elif paragraph:
            blocks.append(Block(text=paragraph, section=str(sections)))
    if not blocks:  # every line passes for a heading
        blocks = [Block(text=one_line(text))]
    return Source(title=PurePath(name).stem or name, blocks=blocks)


def _paragraph(part: str, known: frozenset[str]) -> str:
    """Join the lines of one paragraph."""
    lines = (line.strip() for line in part.splitlines())
    return one_line(hyphenation.joined(filter(None, lines), known))
