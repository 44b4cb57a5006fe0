"""Names of keys, the shape of entries, and the Redis commands that an entry ends in.

Everything here is pure: it builds names and commands; delivery.py sends them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from shared.errors import Undecodable
from shared.messages import (
    Answer,
    DeadLetter,
    Finished,
    Message,
    Priority,
    encode_json,
    encode_msgpack,
)

DATA = b"__data__"
Argument = bytes | str | int | float
M = TypeVar("M")
_LONGEST_ID = 200  # as Query.id


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream, as Redis gave it.

    Attributes:
        stream: key of the stream.
        id: entry id, `<ms>-<seq>`.
        fields: raw field names and values.
        deliveries: how often it was handed to a consumer, this time included, from 1.
    """

    stream: str
    id: str
    fields: Mapping[bytes, bytes] = field(default_factory=dict)
    deliveries: int = 1

    @property
    def published_ms(self) -> int:
        """Milliseconds since the epoch, by Redis's clock, at which it was added."""
        return int(self.id.partition("-")[0])

    @property
    def data(self) -> bytes | None:
        """The message's bytes; None where the entry came as plain fields."""
        return self.fields.get(DATA)


@dataclass(frozen=True, slots=True)
class Effect:
    """A Redis command on one key, run together with the acknowledgement or not at all.

    The command `EXPECT` writes nothing: unless the hash's field (first argument) holds the value
    (second, "" for no such field), the whole commit is refused and the entry handled anew.
    `answer` is the Answer that the command publishes, for those who count them.
    """

    command: str
    key: str
    arguments: tuple[Argument, ...] = ()
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Namespace:
    """All keys of one namespace; `name` is the first part of each."""

    name: str

    def key(self, *parts: str) -> str:
        """Join parts to a key of this namespace."""
        return ":".join((self.name, *parts))

    @property
    def queries(self) -> str:
        """Edge: questions, JSON or plain fields."""
        return self.key("queries")

    @property
    def documents(self) -> str:
        """Edge: documents to ingest, JSON."""
        return self.key("documents")

    @property
    def answers(self) -> str:
        """Edge: one Answer per query, JSON."""
        return self.key("answers")

    @property
    def dead(self) -> str:
        """Edge: entries that no attempt could handle, JSON."""
        return self.key("dead")

    @property
    def retrieve(self) -> str:
        """Inner: embedder to retriever."""
        return self.key("retrieve")

    @property
    def generate(self) -> str:
        """Inner: retriever to generator."""
        return self.key("generate")

    @property
    def embed(self) -> str:
        """Inner: ingestor to embedder."""
        return self.key("embed")

    @property
    def index(self) -> str:
        """Inner: embedder to retriever."""
        return self.key("index")

    @property
    def generations(self) -> str:
        """Hash: which generations of the index there are; shared/generations.py reads it."""
        return self.key("generations")

    @property
    def reembed(self) -> str:
        """Set: documents that the next generation does not hold as they are."""
        return self.key("reembed")

    @property
    def reembedded(self) -> str:
        """Hash: document to how many chunks of it the next generation holds."""
        return self.key("reembedded")

    @property
    def rebuilding(self) -> str:
        """Lock of the one rebuild at a time."""
        return self.key("rebuilding")

    def search_index(self, generation: int) -> str:
        """Name of a generation's search index; the first has the name of the time before."""
        return self.key("chunks", str(generation)) if generation else self.key("chunks")

    def chunk_prefix(self, generation: int) -> str:
        """What the key of every chunk of a generation begins with."""
        return self.key("chunks", str(generation), "") if generation else self.key("chunk", "")

    @property
    def collections(self) -> str:
        """Hash: collection to 1, for each that a document was ever ingested into."""
        return self.key("collections")

    def lane(self, stream: str, priority: Priority) -> str:
        """The stream of a stage for questions of this priority."""
        return stream if priority == "interactive" else f"{stream}:bulk"

    def cancelled(self, query_id: str) -> str:
        """Exists once a query was cancelled."""
        return self.key("cancel", query_id)

    def asked(self, run_id: str) -> str:
        """Hash: what a run of many questions has published, so that a new start asks none twice."""
        return self.key("asked", run_id)

    def tokens(self, query_id: str) -> str:
        """Edge: a query's own stream of tokens, ended by its Answer."""
        return self.key("tokens", query_id)

    def seen(self, query_id: str) -> str:
        """Exists once a query was taken in: a second one of the same id is dropped."""
        return self.key("query", query_id)

    def document(self, document_id: str) -> str:
        """Hash: what is known of a document."""
        return self.key("document", document_id)

    def upload(self, name: str) -> str:
        """String: bytes of a document on their way to the ingestor."""
        return self.key("upload", name)

    def chunk(self, generation: int, document_id: str, number: int) -> str:
        """Hash: one chunk of a document, numbered from 0."""
        return f"{self.chunk_prefix(generation)}{document_id}:{number}"


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that finished things are kept."""

    query_s: int
    answer_s: int
    tokens_s: int


def order(entry_id: str) -> tuple[int, int]:
    """What entry ids are compared by; "" comes before all."""
    ms, _, number = entry_id.partition("-")
    return int(ms or 0), int(number or 0)


def publish(stream: str, message: Message, *, edge: bool = False) -> Effect:
    """Add a message to a stream; `edge` streams carry JSON, inner ones MessagePack."""
    payload = encode_json(message) if edge else encode_msgpack(message)
    return Effect("XADD", stream, ("*", DATA, payload))


def finish(names: Namespace, answer: Answer, retention: Retention, now_ms: int) -> list[Effect]:
    """End a query: its Answer on `answers`, the same as last event of its own stream."""
    oldest = max(0, now_ms - retention.answer_s * 1000)
    tokens = names.tokens(answer.query_id)
    arguments = ("MINID", "~", oldest, "*", DATA, encode_json(answer))
    return [
        Effect("XADD", names.answers, arguments, answer),
        publish(tokens, Finished(answer=answer), edge=True),
        Effect("EXPIRE", tokens, (retention.tokens_s,)),
    ]


def bury(names: Namespace, entry: Entry, *, code: str, reason: str, now_ms: int) -> Effect:
    """Put an entry with its original bytes on `dead`."""
    letter = DeadLetter(
        stream=entry.stream,
        entry_id=entry.id,
        code=code,
        reason=reason,
        attempts=entry.deliveries,
        first_ms=entry.published_ms,
        last_ms=now_ms,
        fields={name.decode("utf-8", "replace"): value for name, value in entry.fields.items()},
    )
    return publish(names.dead, letter, edge=True)


def decoded(decode: Callable[[bytes], M]) -> Callable[[Entry], M]:
    """A stage's decoder for messages of one type.

    Raises (from the decoder): Undecodable where the entry holds no such message.
    """

    def read(entry: Entry) -> M:
        try:
            return decode(entry.data or b"")
        except (msgspec.DecodeError, msgspec.ValidationError) as exc:
            raise Undecodable(f"no message of {entry.stream}: {exc}") from exc

    return read


def peek_id(entry: Entry) -> str | None:
    """The id that a publisher gave, read from bytes that are no valid message.

    Returns:
        The text under `id`, the entry id if the bytes are a JSON object without one, None if
        they are no JSON object: then nobody's address can be read.
    """
    try:
        found = _peek(entry, "id")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if 0 < len(found) <= _LONGEST_ID else entry.id


def peek_traceparent(entry: Entry) -> str:
    """The trace context that a publisher gave, read from bytes that are no valid message."""
    try:
        return _peek(entry, "traceparent")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _peek(entry: Entry, name: str) -> str:
    """The text under a name, "" if there is none; raises where the bytes are no JSON object."""
    if entry.data is None:
        return entry.fields.get(name.encode(), b"").decode("utf-8", "replace")
    fields = msgspec.json.decode(entry.data, type=dict[str, msgspec.Raw])
    found: object = msgspec.json.decode(fields[name]) if name in fields else None
    return found if isinstance(found, str) else ""
