"""The Perl FAQ and the rest of Perl's manual as passages, out of Debian's package perl-doc."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from benchmarks.debian import packaged

MOST_WORDS = 180  # of a passage: what our own chunks have
FEWEST_WORDS = 5
# The chapters about the language: they mislead most, for they explain what is asked about.
PAGES = (
    *("data", "syn", "op", "sub", "re", "ref", "dsc", "lol", "ipc", "opentut", "mod", "obj"),
    *("style", "sec", "form", "locale", "tie", "trap"),
)
_HEADING = re.compile(r"^=head\d\s+(.*)$", re.MULTILINE)
_COMMAND = re.compile(r"^=\w+.*$", re.MULTILINE)
_CODE = re.compile(r"[A-Z]<+\s?(.*?)\s?>+")  # C<print>, L<perlfunc>


@dataclass(frozen=True, slots=True)
class Entry:
    """A question of the FAQ and its answer's passages."""

    question: str
    passages: tuple[str, ...]


def entries() -> list[Entry]:
    """Every question that ends in a question mark and has an answer."""
    found = []
    for path in sorted(_folder().glob("perlfaq[1-9].pod")):
        for heading, body in _sections(path):
            passages = tuple(_passages(body))
            if heading.endswith("?") and passages:
                found.append(Entry(heading, passages))
    return found


def other_passages() -> list[str]:
    """Passages of the manual's other chapters."""
    pages = (_folder() / f"perl{name}.pod" for name in PAGES)
    return [text for path in pages for _, body in _sections(path) for text in _passages(body)]


def documents(count: int) -> list[str]:
    """Sections of the manual as plain text, each a document of some pages, steady in order."""
    pages = [(_folder() / f"perl{name}.pod") for name in PAGES]
    sections = ("\n\n".join(_passages(body)) for path in pages for _, body in _sections(path))
    long_enough = (text for text in sections if len(text.split()) >= MOST_WORDS)
    return list(islice(long_enough, count))


@cache
def _folder() -> Path:
    return next(packaged("perl-doc", "usr/share/perl").glob("*/pod"))


def _sections(path: Path) -> Iterator[tuple[str, str]]:
    """Each heading of a page and what stands below it."""
    parts = _HEADING.split(path.read_text("utf-8", "replace"))
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        yield _plain(heading), body


def _passages(body: str) -> Iterator[str]:
    """Whole paragraphs, joined as long as they stay below MOST_WORDS."""
    kept: list[str] = []
    for paragraph in _paragraphs(body.split("\n\n")):
        if kept and _words([*kept, paragraph]) > MOST_WORDS:
            yield "\n".join(kept)
            kept = []
        kept.append(paragraph)
    if kept and _words(kept) > FEWEST_WORDS:
        yield "\n".join(kept)


def _paragraphs(blocks: Iterable[str]) -> Iterator[str]:
    for block in blocks:
        if text := _plain(_COMMAND.sub("", block)):
            yield text


def _words(paragraphs: Iterable[str]) -> int:
    return sum(len(one.split()) for one in paragraphs)


def _plain(pod: str) -> str:
    return " ".join(_CODE.sub(r"\1", pod).split())
