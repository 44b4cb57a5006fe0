"""Every message that crosses a stream, and its codecs.

Edge streams (queries, documents, answers, tokens, dead) carry JSON, inner streams MessagePack.
Rules by which these may grow: unknown fields are ignored, a new field has a default, a type or
a tag never changes. tests/contract holds golden bytes of each version.
"""

from bisect import bisect_right
from operator import itemgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Status = Literal["answered", "abstained", "failed", "cancelled", "expired"]
Profile = Literal["cited", "stuff", "extractive", "yes_no"]
YesNo = Literal["yes", "no", "maybe"]
Priority = Literal["interactive", "bulk"]
Name = Annotated[str, Meta(pattern=r"^[\w][\w.:-]{0,199}\Z")]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=str.lower):
    """Base: immutable, named fields, tagged by its lower-case class name in `type`."""


class StageTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that one stage took for one query."""

    queue: float
    work: float


class Query(Message, frozen=True, kw_only=True):
    """A question, on `queries`.

    Attributes:
        id: unique name chosen by the publisher; the entry id if empty.
        question: what is asked, in plain words.
        collection: where to look.
        document_ids: only in these documents; everywhere in the collection if empty.
        top_k: passages to retrieve, 1..50; the retriever's default if None.
        max_tokens: longest answer, 1..4096 tokens; the generator's default if None.
        deadline_ms: milliseconds from publication after which nobody wants the answer.
        stream: publish tokens on `tokens:<id>` while they come.
        profile: how to answer: `cited`, in the model's words with passage numbers; `stuff`, by the
            classic prompt; `extractive`, in quotes and without a language model; `yes_no`.
        metadata: returned untouched in the Answer.
        traceparent: W3C trace context of the publisher.
        priority: `bulk` questions wait in a lane of their own and hold up no `interactive` one.
    """

    id: Annotated[str, Meta(max_length=200)] = ""
    question: str
    collection: Name = "default"
    document_ids: Annotated[tuple[Name, ...], Meta(max_length=1000)] = ()
    top_k: Annotated[int, Meta(ge=1, le=50)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=4096)] | None = None
    deadline_ms: Annotated[int, Meta(ge=1)] | None = None
    stream: bool = False
    profile: Profile = "cited"
    metadata: dict[str, Any] = {}
    traceparent: str = ""
    priority: Priority = "interactive"


class Document(Message, frozen=True, kw_only=True):
    """A document to ingest, on `documents`. Exactly one of text, content, upload is given.

    Attributes:
        id: unique name chosen by the publisher; ingesting it again replaces it.
        collection: where questions will find it.
        name: file name; its ending helps where the bytes do not tell the type.
        title: shown in citations; found in the document if empty.
        text: plain text.
        content: the file's bytes (base64 in JSON).
        upload: name of bytes that were stored under `upload:<upload>` beforehand.
        sha256: of the bytes, in hex; checked if given.
    """

    id: Name
    collection: Name = "default"
    name: Annotated[str, Meta(max_length=1000)] = ""
    title: Annotated[str, Meta(max_length=1000)] = ""
    text: str | None = None
    content: bytes | None = None
    upload: Annotated[str, Meta(max_length=200)] | None = None
    sha256: str = ""
    traceparent: str = ""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A retrieved passage; fields as in Chunk. `score` is of the fusion, above 0."""

    chunk_id: str
    document_id: str
    title: str = ""
    page: int | None = None
    section: str = ""
    text: str
    tokens: int = 0
    score: float
    page_runs: tuple[tuple[int, int], ...] = ()

    def page_at(self, offset: int) -> int | None:
        """Page on which the character at this offset of the text stands."""
        begun = bisect_right(self.page_runs, offset, key=itemgetter(0))
        return self.page_runs[begun - 1][1] if begun else self.page


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a document.

    Attributes:
        text: whole sentences, as cleaned by the ingestor.
        page: on which it begins, from 1; None where the document has no pages.
        section: headings above it, from the outermost in, joined by " > ".
        tokens: its length by the embedder's tokenizer.
        page_runs: (offset, page) wherever in `text` another page begins, in order of offsets.
    """

    text: str
    page: int | None = None
    section: str = ""
    tokens: int
    page_runs: tuple[tuple[int, int], ...] = ()


class Retrieve(Message, frozen=True, kw_only=True):
    """Embedder to retriever: a question and its vector, FP32 little-endian [dim]."""

    query: Query
    embedding: bytes
    accepted_ms: int
    timings_ms: dict[str, StageTiming] = {}
    models: dict[str, str] = {}


class Generate(Message, frozen=True, kw_only=True):
    """Retriever to generator: a question and its passages, best first."""

    query: Query
    hits: tuple[Hit, ...]
    accepted_ms: int
    timings_ms: dict[str, StageTiming] = {}
    models: dict[str, str] = {}


class Embed(Message, frozen=True, kw_only=True):
    """Ingestor to embedder: a document's chunks, in its order.

    `version` is the entry id of its Document: a later one wins, whichever is done first. `upload`
    is the Document's, so that whoever handed it in can tell that it is this one that is done.
    `traceparent` is the ingestor's W3C trace context.
    """

    document_id: str
    collection: str
    name: str
    title: str
    sha256: str
    pages: int | None = None
    chunks: tuple[Chunk, ...]
    version: str = ""
    upload: str = ""
    traceparent: str = ""


class Index(Message, frozen=True, kw_only=True):
    """Embedder to retriever: chunks and their vectors, FP32 little-endian [n, dim]."""

    document_id: str
    collection: str
    name: str
    title: str
    sha256: str
    pages: int | None = None
    chunks: tuple[Chunk, ...]
    embeddings: bytes
    model: str = ""
    version: str = ""
    upload: str = ""
    traceparent: str = ""


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a statement of the answer stands. `marker` is its number in the text, from 1.

    `quote` is a verbatim piece of the ingested document's text.
    """

    marker: int
    document_id: str
    title: str = ""
    page: int | None = None
    section: str = ""
    chunk_id: str
    quote: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of the passages near the question and the answer; `score` in 0..1."""

    sentence: str
    document_id: str
    chunk_id: str
    page: int | None = None
    score: float


class SupportedSentence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of the answer as it stands there; `support` in 0..1."""

    text: str
    support: float


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of the generator's tokenizer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong: a stable `code` of shared/errors.py, and words for a person."""

    code: str
    message: str


class Answer(Message, frozen=True, kw_only=True):
    """The one answer to a query, on `answers`.

    Attributes:
        yes_no: the answer of that profile; None for others, and unless status is `answered`.
        support: share of the answer that the passages support, 0..1.
        sentences: those of the answer, each with its own support.
        answerable: how likely the passages hold the answer, 0..1; None if there were none.
        extracted: the text is quoted from the passages, not the model's own words.
        timings_ms: queue and work of each stage, milliseconds.
        attempt: which try of the last stage gave this, from 1.
        traceparent: W3C trace context of the stage that ended the query, or, where nobody traces,
            the publisher's as it came.
    """

    query_id: str
    status: Status
    text: str = ""
    yes_no: YesNo | None = None
    citations: tuple[Citation, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    support: Annotated[float, Meta(ge=0, le=1)] = 0.0
    sentences: tuple[SupportedSentence, ...] = ()
    answerable: Annotated[float, Meta(ge=0, le=1)] | None = None
    extracted: bool = False
    usage: Usage = Usage()
    timings_ms: dict[str, StageTiming] = {}
    models: dict[str, str] = {}
    attempt: int = 1
    error: ErrorInfo | None = None
    metadata: dict[str, Any] = {}
    traceparent: str = ""


class Started(Message, frozen=True, kw_only=True):
    """The model begins to write, on `tokens:<query_id>`; what came before is void.

    A second one means that a server or worker died in between and the text begins anew.
    """

    attempt: int = 1


class Token(Message, frozen=True, kw_only=True):
    """A piece of the answer while it is written, on `tokens:<query_id>`."""

    text: str


class Finished(Message, frozen=True, kw_only=True):
    """The last event of `tokens:<query_id>`: the Answer as it stands on `answers`."""

    answer: Answer


class DeadLetter(Message, frozen=True, kw_only=True):
    """An entry that no attempt could handle, on `dead`, with its original fields."""

    stream: str
    entry_id: str
    code: str
    reason: str
    attempts: int
    first_ms: int
    last_ms: int
    fields: dict[str, bytes]


TokenEvent = Started | Token | Finished

encode_json = msgspec.json.Encoder().encode
encode_msgpack = msgspec.msgpack.Encoder().encode
decode_query = msgspec.json.Decoder(Query).decode
decode_document = msgspec.json.Decoder(Document).decode
decode_answer = msgspec.json.Decoder(Answer).decode
decode_token_event = msgspec.json.Decoder(TokenEvent).decode
decode_dead_letter = msgspec.json.Decoder(DeadLetter).decode
decode_retrieve = msgspec.msgpack.Decoder(Retrieve).decode
decode_generate = msgspec.msgpack.Decoder(Generate).decode
decode_embed = msgspec.msgpack.Decoder(Embed).decode
decode_index = msgspec.msgpack.Decoder(Index).decode
