"""Question sets: read from txt (a question a line), csv or jsonl."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from shared.errors import RunError


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question of a set; `id` is how people refer to it."""

    id: str
    text: str


class _Line(msgspec.Struct):
    """A line of jsonl; numbers serve as ids, too."""

    question: str
    id: str | int = ""


def read(path: Path) -> tuple[Question, ...]:
    """Read a question set; the ending of its name tells what it is.

    Raises:
        RunError: it cannot be read, holds no question, or one id names two of them.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise RunError(f"{path}: a question set ends in {', '.join(_PARSERS)}")
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise RunError(f"{path} cannot be read: {exc}") from exc
    try:
        return numbered(parse(text))
    except RunError as exc:
        raise RunError(f"{path}: {exc}") from exc


def numbered(rows: Iterable[tuple[str, str]]) -> tuple[Question, ...]:
    """Questions in their order, each text once; those without an id take their number.

    Args:
        rows: id, or "", and text of each.

    Raises:
        RunError: there is none, or one id names two.
    """
    found: dict[str, Question] = {}
    for given, raw in rows:
        text = " ".join(raw.split())
        if text and text not in found:
            found[text] = Question(id=given.strip() or str(len(found) + 1), text=text)
    questions = tuple(found.values())
    if not questions:
        raise RunError("there is no question in it")
    ids = [question.id for question in questions]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise RunError(f"the id {twice[0]} names two questions")
    return questions


def _lines(text: str) -> Iterator[tuple[str, str]]:
    return (("", line) for line in text.splitlines())


def _csv(text: str) -> Iterator[tuple[str, str]]:
    """Rows of a file with a column `question` and perhaps one `id`; or of one column alone."""
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(row)]
    head = [name.strip().lower() for name in rows[0]] if rows else []
    if "question" in head:
        return (_row(dict(zip(head, row, strict=False))) for row in rows[1:])
    if any(len(row) > 1 for row in rows):
        raise RunError("its first line names no column `question`")
    return (("", row[0]) for row in rows)


def _row(row: Mapping[str, str]) -> tuple[str, str]:
    return row.get("id", ""), row.get("question", "")


def _jsonl(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                one = msgspec.json.decode(line, type=_Line)
            except msgspec.DecodeError as exc:
                raise RunError(f'line {number} is no {{"question": "…"}}: {exc}') from exc
            yield str(one.id), one.question


_PARSERS: Final[Mapping[str, Callable[[str], Iterable[tuple[str, str]]]]] = {
    ".txt": _lines,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
