"""Dead letters as `dead list` and `dead show` print them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import msgspec

from services.cli import render
from shared.dead import Letter, Outcome

LONGEST_FIELD = 20_000
LONGEST_REASON = 80

_OUTCOMES: Mapping[Outcome, str] = {
    "redriven": "redriven",
    "dropped": "dropped",
    "gone": "not there: redriven or dropped meanwhile",
    "asked_again": "stays dead: its query id was asked again since",
    "unreadable": "stays dead: it came from no stream of this pipeline",
}


class LetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A letter without its content; times in milliseconds since the epoch."""

    id: str
    stream: str
    entry_id: str
    code: str
    reason: str
    attempts: int
    first_ms: int
    last_ms: int
    query_id: str | None
    document_id: str | None

    @classmethod
    def of(cls, letter: Letter) -> Self:
        """What `dead list --json` prints of a letter."""
        return cls(**_facts(letter))


class WholeLetterView(LetterView, frozen=True, kw_only=True):
    """A letter; `fields` hold its original bytes, `shown` what a person can read of them."""

    fields: dict[str, bytes]
    shown: dict[str, str]

    @classmethod
    def of(cls, letter: Letter) -> Self:
        """What `dead show --json` prints."""
        shown = {name: content(value) for name, value in letter.dead.fields.items()}
        return cls(**_facts(letter), fields=letter.dead.fields, shown=shown)


def _facts(letter: Letter) -> dict[str, Any]:
    dead = letter.dead
    return {
        "id": letter.id,
        "stream": dead.stream,
        "entry_id": dead.entry_id,
        "code": dead.code,
        "reason": dead.reason,
        "attempts": dead.attempts,
        "first_ms": dead.first_ms,
        "last_ms": dead.last_ms,
        "query_id": letter.query_id,
        "document_id": letter.document_id,
    }


def lines(letters: Sequence[Letter], length: int, *, more: bool) -> Iterator[str]:
    """A table of letters; `length` is how many there are on `dead` in all."""
    if letters:
        yield f"{'id':20} {'last':19} {'stream':16} {'code':20} {'tries':>5}  about"
    for letter in letters:
        dead = letter.dead
        about = letter.subject or ""
        last, tries = _time(dead.last_ms), dead.attempts
        yield f"{letter.id:20} {last} {dead.stream:16} {dead.code:20} {tries:>5}  {about}".rstrip()
        yield f"  {_shortened(dead.reason)}"
    yield f"{length} dead letters" + (f", {len(letters)} shown: see --limit" if more else "")


def whole(letter: Letter) -> Iterator[str]:
    """One letter with its content, every line harmless to a terminal."""
    dead = letter.dead
    yield f"dead letter {letter.id}: entry {escaped(dead.entry_id)} of {escaped(dead.stream)}"
    if letter.query_id:
        yield f"query     {escaped(letter.query_id)}"
    if letter.document_id:
        yield f"document  {escaped(letter.document_id)}"
    yield f"code      {escaped(dead.code)}"
    yield f"reason    {escaped(dead.reason)}"
    yield f"attempts  {dead.attempts}"
    yield f"first     {_time(dead.first_ms)} UTC"
    yield f"last      {_time(dead.last_ms)} UTC"
    for name, value in dead.fields.items():
        yield f"\n{escaped(name)} ({len(value)} bytes)"
        shown = content(value)
        yield shown[:LONGEST_FIELD]
        if len(shown) > LONGEST_FIELD:
            yield f"… {len(shown) - LONGEST_FIELD} characters more: --json has them all"


def content(value: bytes) -> str:
    """Bytes as a person can read them: JSON indented, MessagePack as JSON, the rest escaped."""
    return escaped(_as_json(value) or value.decode("utf-8", "backslashreplace"))


def _as_json(value: bytes) -> str | None:
    """None for what is neither JSON nor one of our MessagePack messages."""
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        pass
    else:
        return msgspec.json.format(value, indent=2).decode()
    try:
        message = msgspec.msgpack.decode(value, type=dict[str, object])
        return msgspec.json.format(msgspec.json.encode(message), indent=2).decode()
    except (msgspec.DecodeError, TypeError, ValueError):
        return None


def escaped(text: str) -> str:
    r"""The text with everything that a terminal could obey written out, as `\x1b`."""
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode()
        for sign in text
    )


def done_line(entry_id: str, outcome: Outcome, stream: str, subject: str | None) -> str:
    """What became of one letter."""
    where = f" to {stream} as {subject or 'it was'}" if outcome == "redriven" else ""
    return f"{entry_id}  {_OUTCOMES[outcome]}{where}"


def counts_line(counts: Mapping[Outcome, int]) -> str:
    """How many letters ended in which way."""
    known = [f"{counts[outcome]} {outcome.replace('_', ' ')}" for outcome in counts]
    return ", ".join(known) or "no such dead letters"


def _shortened(reason: str) -> str:
    line = render.safe(" ".join(reason.split()))
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"


def _time(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # nobody's clock shows this
        return str(ms)
