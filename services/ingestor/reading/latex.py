"""LaTeX source: its structure to sections, paragraphs, tables and notes.

Own code: the one library that does this pulls in no peer, yet has had no release since 2021.
Macros that a document defines are not carried out; their arguments are kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from services.ingestor.cleaning.characters import has_words, many_lines, one_line
from services.ingestor.cleaning.headings import Sections
from services.ingestor.cleaning.latex_words import literal, words
from services.ingestor.reading.decoding import decode
from services.ingestor.reading.xml import doi
from services.ingestor.text import Block, Kind, Source
from shared.errors import NoText

_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?[ \t]*|(?<!\\)%[^\n]*")
_LEVELS = {
    name: level
    for level, name in enumerate(
        ("part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph")
    )
}
_MARK = re.compile(
    r"\\verb\*?(?P<bar>[^\w\s*])(?P<verb>[^\n]{0,500}?)(?P=bar)|"
    r"\\(?P<edge>begin|end)\s*\{(?P<env>[^{}\n]{1,40})\}(?:\[[^\]\n]{0,100}\])?"
    rf"|\\(?P<head>{'|'.join(_LEVELS)})\*?\s*(?:\[[^\]]{{0,300}}\]\s*)?(?=\{{)"
    r"|\\(?P<note>footnote|caption)\*?\s*(?:\[[^\]]{0,300}\]\s*)?(?=\{)"
    r"|\\(?P<item>item\b|bibitem\b)\s*(?:\[(?P<label>[^\]]{0,300})\])?(?:\{[^{}]{0,200}\})?"
    r"|\\(?P<skip>title|author|date|address|affiliation|thanks|newcommand\*?|renewcommand\*?|def)\b"
    r"|\\(?P<appendix>appendix|maketitle|tableofcontents)\b"
    r"|(?P<gap>\n[ \t]*\n)"
)
_VERBATIM = frozenset(
    ("verbatim", "Verbatim", "lstlisting", "minted", "Schunk", "Sinput", "Soutput")
)
_TABLES = frozenset(("tabular", "tabularx", "longtable", "tabulary"))
_HIDDEN = frozenset(("comment", "tikzpicture", "filecontents", "CCSXML", "thebibliography*"))
_FLOATS = frozenset(("figure", "wrapfigure"))
_ROW = re.compile(
    r"\\\\(?:\[[^\]]{0,20}\])?|\\tabularnewline\b|\\hline\b|\\(?:top|mid|bottom)rule\b"
)
_CELL = re.compile(r"(?<!\\)&")
_COLUMNS = re.compile(
    r"\s*(?:\[[^\]]{0,20}\])?\s*(?:\{[^{}]{0,100}\})?\s*\{(?:[^{}]|\{[^{}]{0,100}\}){0,200}\}"
)
_LONGEST_ARGUMENT = 20_000


class _Braced:
    """A source whose braces are matched once: looked for from every command, they take for ever.

    Args:
        text: without comments.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._ends: dict[int, int] = {}
        opened: list[int] = []
        for found in re.finditer(r"(?<!\\)[{}]", text):
            if found[0] == "{":
                opened.append(found.start())
            elif opened:
                self._ends[opened.pop()] = found.start()

    def argument(self, at: int) -> tuple[str, int]:
        """Give what stands in the braces that begin at `at`, and the place behind them."""
        end = self._ends.get(at)
        if end is None or end - at > _LONGEST_ARGUMENT:
            return "", at + (self.text[at : at + 1] == "{")
        return self.text[at + 1 : end], end + 1


@dataclass(slots=True)
class _Writer:
    """Gathers blocks while the source is gone through."""

    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sections: Sections = field(default_factory=Sections)
    held: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    def finish(self) -> None:
        """End a paragraph, and put its notes behind it."""
        kind: Kind = "reference" if "thebibliography" in self.inside else "paragraph"
        if not _FLOATS & set(self.inside):
            self.add("".join(self.held), kind)
        notes, self.held, self.notes = self.notes, [], []
        for note in notes:
            self.add(note, "footnote")

    def add(self, source: str, kind: Kind) -> None:
        """Add a block, unless it would be empty."""
        text = one_line(words(source))
        if has_words(text):
            self.blocks.append(Block(text=text, section=str(self.sections), kind=kind))

    def lines(self, lines: Iterator[str], kind: Kind) -> None:
        """Add a table or a listing, unless it would be empty."""
        text = many_lines("\n".join(lines))
        if has_words(text):
            self.blocks.append(Block(text=text, section=str(self.sections), kind=kind))


def read(name: str, data: bytes) -> Source:
    """Read a LaTeX document.

    Args:
        name: the file's name; the title where the document tells none.
        data: the whole file.

    Raises:
        NoText: there are no words in it.
    """
    text = _COMMENT.sub("", decode(data))
    body = text.rpartition(r"\begin{document}")[2]
    cut_short = r"\begin{document}" in text and r"\end{document}" not in body
    body = body.split(r"\end{document}")[0]
    writer = _Writer()
    _walk(_Braced(body), writer)
    if not writer.blocks:
        raise NoText(f"{name}: the LaTeX source holds no words")
    source = _Braced(text)
    title = one_line(words(next(_told(source, "title"), "")))
    authors = (
        one_line(words(author.split("\\\\")[0]))
        for row in _told(source, "author")
        for author in re.split(r"\\and\b", row)
    )
    return Source(
        title=title or PurePath(name).stem or name,
        blocks=writer.blocks,
        authors=tuple(filter(has_words, authors)),
        doi=next(filter(None, map(doi, _told(source, "doi"))), ""),
        missing="the source may be cut short: its document has no end" if cut_short else "",
    )


def _walk(body: _Braced, writer: _Writer) -> None:
    """Go through the source from mark to mark."""
    at = 0
    while found := _MARK.search(body.text, at):
        writer.held.append(body.text[at : found.start()])
        at = _step(body, found, writer)
    writer.held.append(body.text[at:])
    writer.finish()


def _step(body: _Braced, found: re.Match[str], writer: _Writer) -> int:
    """Do what a mark says; give the place to go on from."""
    at = found.end()
    if found["edge"]:
        return _edge(body, found, writer)
    if found["bar"]:
        writer.held.append(literal(found["verb"]))
        return at
    if found["skip"]:
        return _skip(body, at)
    if found["note"]:
        argument, at = body.argument(at)
        if found["note"] == "caption":
            writer.add(argument, "caption")
        else:
            writer.notes.append(argument)
        return at
    writer.finish()
    if found["head"]:
        argument, at = body.argument(at)
        writer.sections.enter(_LEVELS[found["head"]] + 1, one_line(words(argument)))
    elif found["label"]:
        writer.held.append(f"{found['label']}: " if found["item"] == "item" else "")
    return at


def _skip(body: _Braced, at: int) -> int:
    """Give the place behind a command's arguments, which no reader of the page sees here."""
    room = re.compile(r"\s{0,9}(?:\\\w{1,40}\s{0,9})?(?:\[[^\]]{0,300}\]\s{0,9}){0,3}(?=\{)")
    for _ in range(2):
        found = room.match(body.text, at)
        if not found:
            break
        at = body.argument(found.end())[1]
    return at


def _edge(body: _Braced, found: re.Match[str], writer: _Writer) -> int:
    """Enter or leave an environment."""
    env, at = found["env"], found.end()
    plain = env.rstrip("*")
    whole = plain in _VERBATIM | _TABLES | _HIDDEN
    if found["edge"] == "begin" and whole:
        return _take_whole(body, env, at, writer)
    if "quation" not in plain and plain not in ("align", "eqnarray", "math", "displaymath"):
        writer.finish()
    if found["edge"] == "end":
        if plain in writer.inside:
            del writer.inside[len(writer.inside) - 1 - writer.inside[::-1].index(plain) :]
        if plain == "abstract":
            writer.sections.enter(1, "")
        return at
    writer.inside = [*writer.inside[-50:], plain]
    if plain in ("abstract", "thebibliography"):
        writer.sections.enter(1, "Abstract" if plain == "abstract" else "References")
        at = body.argument(at)[1] if plain == "thebibliography" else at
    return at


def _take_whole(body: _Braced, env: str, at: int, writer: _Writer) -> int:
    """Take an environment whose text has rules of its own."""
    end = body.text.find(f"\\end{{{env}}}", at)
    inner = body.text[at:] if end < 0 else body.text[at:end]
    plain = env.rstrip("*")
    if plain not in _HIDDEN:
        writer.finish()
    if plain in _TABLES:
        writer.lines(_rows(inner), "table")
    elif plain in _VERBATIM:
        writer.lines(iter(inner.splitlines()), "code")
    return len(body.text) if end < 0 else end + len(env) + len("\\end{}")


def _rows(inner: str) -> Iterator[str]:
    """Give a table's rows, their cells parted by bars."""
    columns = _COLUMNS.match(inner)
    for row in _ROW.split(inner[columns.end() :] if columns else inner):
        cells = [one_line(words(cell)) for cell in _CELL.split(row)]
        if any(map(has_words, cells)):
            yield " | ".join(cells)


def _told(source: _Braced, command: str) -> Iterator[str]:
    """Give the arguments of a command of the front matter."""
    pattern = rf"\\{command}\s{{0,9}}(?:\[[^\]]{{0,300}}\]\s{{0,9}})?(?=\{{)"
    for found in re.finditer(pattern, source.text):
        yield source.argument(found.end())[0]
