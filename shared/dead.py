"""Dead letters: read, sent on their way again, or dropped."""

import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import msgspec
from redis.asyncio import Redis

from shared.messages import DeadLetter, decode_dead_letter
from shared.redis import told
from shared.stages import Place, original, place_of
from shared.streams import DATA, Argument, Effect, Entry, Namespace

PAGE = 200
UNREADABLE = "unreadable"
ENTRY_ID = re.compile(r"\d{1,19}-\d{1,19}")

Outcome = Literal["redriven", "dropped", "gone", "asked_again", "unreadable"]

# KEYS: dead, the once key (or dead again where there is none), then one key per effect.
# ARGV: the letter's id, the entry that set the once key or "", then per effect: command, n,
# n arguments. Whoever deletes the letter puts its entry back; a second one finds it gone.
_REDRIVE = """#!lua
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] ~= '' then
  local taken_in = redis.call('GET', KEYS[2])
  if taken_in and taken_in ~= ARGV[2] then return 2 end
end
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
local at = 3
for number = 3, #KEYS do
  local last = at + 1 + tonumber(ARGV[at + 1])
  redis.call(ARGV[at], KEYS[number], unpack(ARGV, at + 2, last))
  at = last + 1
end
return 1
"""
_OUTCOMES: Mapping[int, Outcome] = {0: "gone", 1: "redriven", 2: "asked_again"}


@dataclass(frozen=True, slots=True)
class Letter:
    """One entry of `dead`.

    Attributes:
        id: its entry id on `dead`.
        dead: what it says; code `unreadable` and no stream where it is no dead letter.
        place: the stream that it came from, None if that is none of this pipeline's.
        subject: id of the query or document, None where it cannot be read.
    """

    id: str
    dead: DeadLetter
    place: Place | None
    subject: str | None

    @property
    def query_id(self) -> str | None:
        """The query that it is about."""
        return self.subject if self.place and self.place.kind == "query" else None

    @property
    def document_id(self) -> str | None:
        """The document that it is about."""
        return self.subject if self.place and self.place.kind == "document" else None


async def list_dead(
    redis: Redis, names: Namespace, *, code: str | None = None, stream: str | None = None
) -> AsyncGenerator[Letter]:
    """Every dead letter that is there now, oldest first, read in pages.

    Those that come while it runs are left out: a letter that is redriven and fails again is
    not met a second time.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        code: only with this error code.
        stream: only from this stream, by its key or its name without the namespace.

    Raises:
        RedisUnavailable, RedisRefused: Redis is away, or the user may not look.
    """
    with told():
        newest: Any = await redis.xrevrange(names.dead, count=1)
    start, end = "-", newest[0][0].decode() if newest else ""
    while newest:
        with told():
            page: Any = await redis.xrange(names.dead, start, end, count=PAGE)
        for entry_id, fields in page:
            letter = _letter(names, entry_id.decode(), fields)
            if code in {None, letter.dead.code} and _from(letter, stream):
                yield letter
        if len(page) < PAGE:
            return
        start = f"({page[-1][0].decode()}"


async def read_dead(redis: Redis, names: Namespace, letter_id: str) -> Letter | None:
    """One dead letter; None if there is none with this entry id, or it is no entry id."""
    if not ENTRY_ID.fullmatch(letter_id):
        return None
    with told():
        found: Any = await redis.xrange(names.dead, letter_id, letter_id)
    return _letter(names, letter_id, found[0][1]) if found else None


async def redrive(redis: Redis, names: Namespace, letter: Letter) -> Outcome:
    """Put a letter's entry back on its stream, in one step on the server.

    Of all who redrive a letter, however often and at the same time, one does. Its query may be
    answered as if new: its old token stream is deleted, and, where it failed at the entrance,
    the mark that it was taken in. Its failed Answer stays on `answers`. A document counts as
    `received` again.

    Returns:
        `redriven`; `gone`: it is not on `dead` any more; `asked_again`: the same query id was
        taken in anew since, so it stays dead; `unreadable`: it came from none of our streams.

    Raises:
        RedisUnavailable: nothing was done, or memory is full; RedisRefused.
    """
    if letter.place is None or not letter.dead.fields:
        return "unreadable"
    once = _once(names, letter)
    effects = list(_effects(names, letter, letter.place))
    keys = [names.dead, once or names.dead, *(effect.key for effect in effects)]
    arguments: list[Argument] = [letter.id, letter.dead.entry_id if once else ""]
    for effect in effects:
        arguments += [effect.command, len(effect.arguments), *effect.arguments]
    with told():
        done = await redis.register_script(_REDRIVE)(keys=keys, args=arguments)
    return _OUTCOMES[int(done)]


async def drop(redis: Redis, names: Namespace, letter_id: str) -> Outcome:
    """Delete a letter for good: `dropped`, or `gone` if it was not there."""
    if not ENTRY_ID.fullmatch(letter_id):
        return "gone"
    with told():
        return "dropped" if await redis.xdel(names.dead, letter_id) else "gone"


def _letter(names: Namespace, letter_id: str, fields: Mapping[bytes, bytes]) -> Letter:
    try:
        dead = decode_dead_letter(fields.get(DATA, b""))
    except msgspec.DecodeError as exc:
        return Letter(letter_id, _unreadable(letter_id, fields, exc), None, None)
    place = place_of(names, dead.stream)
    if place is None or place.kind not in {"query", "document"}:
        return Letter(letter_id, dead, None, None)
    return Letter(letter_id, dead, place, place.about(original(dead)))


def _unreadable(letter_id: str, fields: Mapping[bytes, bytes], exc: Exception) -> DeadLetter:
    """What a stranger put on `dead`, so that it can be seen and dropped."""
    at_ms = Entry("", letter_id).published_ms
    return DeadLetter(
        stream="",
        entry_id=letter_id,
        code=UNREADABLE,
        reason=f"no dead letter of ours: {exc}",
        attempts=0,
        first_ms=at_ms,
        last_ms=at_ms,
        fields={name.decode("utf-8", "replace"): value for name, value in fields.items()},
    )


def _from(letter: Letter, stream: str | None) -> bool:
    own = {letter.dead.stream, letter.place.name if letter.place else letter.dead.stream}
    return stream is None or stream in own


def _once(names: Namespace, letter: Letter) -> str | None:
    """The key that says that the query was taken in; inner stages set none."""
    entrance = letter.place is not None and letter.place.is_entrance
    return names.seen(letter.query_id) if entrance and letter.query_id else None


def _effects(names: Namespace, letter: Letter, place: Place) -> Iterator[Effect]:
    fields = fields_to_redrive(letter)
    yield Effect("XADD", place.stream, ("*", *chain.from_iterable(fields.items())))
    if letter.query_id:
        yield Effect("DEL", names.tokens(letter.query_id))
    if once := _once(names, letter):
        yield Effect("DEL", once)
    if letter.document_id and letter.document_id != letter.dead.entry_id:  # else it has no name
        state = ("state", "received", "error_code", "", "error", "")
        yield Effect("HSET", names.document(letter.document_id), state)


def fields_to_redrive(letter: Letter) -> dict[bytes, bytes]:
    """The original fields; a query that is known by its entry's id takes that along as its own.

    Its failed Answer went out under that id, and its publisher may wait for it.
    """
    fields = dict(original(letter.dead).fields)
    query_id = letter.query_id
    if query_id is None or query_id != letter.dead.entry_id:
        return fields
    if DATA not in fields:
        return {**fields, b"id": query_id.encode()}
    # Raw: whatever else the publisher wrote stays byte for byte
    values = msgspec.json.decode(fields[DATA], type=dict[str, msgspec.Raw])
    given = {**values, "id": msgspec.Raw(msgspec.json.encode(query_id))}
    return {**fields, DATA: msgspec.json.encode(given)}
