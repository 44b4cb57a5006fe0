"""Markdown (CommonMark and tables), through markdown-it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from lxml import html as lxml_html
from markdown_it import MarkdownIt
from markdown_it.token import Token

from services.ingestor.cleaning.characters import has_words, many_lines, one_line
from services.ingestor.cleaning.headings import Sections
from services.ingestor.reading.decoding import decode
from services.ingestor.text import Block, Kind, Source
from shared.errors import NoText

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)[^\S\n]*\n", re.DOTALL)
_TITLE = re.compile(r"^title:(.*)$", re.MULTILINE)
_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(slots=True)
class _Writer:
    """Gathers blocks from the parser's stream of tokens."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    sections: Sections = field(default_factory=Sections)
    cells: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def take(self, tokens: Sequence[Token]) -> None:
        """Go through the tokens, in their order."""
        for before, token in zip([None, *tokens], tokens, strict=False):
            match token.type:
                case "inline":
                    self._inline(token, before)
                case "fence" | "code_block":
                    self._add(many_lines(token.content), "code")
                case "html_block":
                    self._add(one_line(_without_tags(token.content)))
                case "tr_close":
                    self.lines.append(" | ".join(self.cells))
                    self.cells = []
                case "table_close":
                    self._add(many_lines("\n".join(self.lines)), "table")
                    self.lines = []

    def _inline(self, token: Token, before: Token | None) -> None:
        """Take a heading's, a cell's or a paragraph's text."""
        text = one_line(_words(token.children or []))
        kind = before.type if before else ""
        if kind == "heading_open" and before:
            self._heading(int(before.tag[1:]), text)
        elif kind in ("th_open", "td_open"):
            self.cells.append(text)
        else:
            self._add(text)

    def _heading(self, level: int, text: str) -> None:
        """Open a section; the first heading of level 1 is the title, not a section."""
        if level == 1 and not self.blocks and not self.sections.path and not self.title:
            self.title = text
        else:
            self.sections.enter(level, text)

    def _add(self, text: str, kind: Kind = "paragraph") -> None:
        """Add a block, unless it is empty."""
        if has_words(text):
            self.blocks.append(Block(text=text, section=str(self.sections), kind=kind))


def read(name: str, data: bytes) -> Source:
    """Read Markdown.

    Args:
        name: the file's name; the title where there is neither front matter nor a heading.
        data: the whole file.

    Raises:
        NoText: there are no words in it.
    """
    text, title = decode(data), ""
    front = _FRONT_MATTER.match(text)
    if front:
        told = _TITLE.search(front[1])
        text, title = text[front.end() :], told[1].strip().strip("\"'") if told else ""
    writer = _Writer(one_line(title))
    writer.take(_PARSER.parse(text))
    if not writer.blocks:
        raise NoText(f"{name}: the Markdown holds no words below its headings")
    return Source(title=writer.title or PurePath(name).stem or name, blocks=writer.blocks)


def _words(tokens: Sequence[Token]) -> str:
    """Give the text of inline marks: links and pictures keep their words, not their addresses."""
    parts: list[str] = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "image":
            parts.append(_words(token.children or []))
        elif token.type != "html_inline":
            parts.append(token.content)
    return "".join(parts)


def _without_tags(markup: str) -> str:
    """Give the text of a piece of HTML within Markdown; "" for a comment."""
    if markup.lstrip().startswith("<!--"):
        return ""
    return " ".join(lxml_html.fragment_fromstring(markup, create_parent="div").itertext())
