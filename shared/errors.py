"""Every error that ragstream raises on purpose, in one tree.

RagstreamError
├── Transient               the same message may succeed later: try again, with back-off
│   └── Overloaded          a stage or a model's queue is full; carries retry_after_s. A worker
│                           waits for room and counts no attempt
├── Outage                  a server is away: not the message's fault, the worker waits
│   ├── RedisUnavailable
│   └── TritonUnavailable
├── Unwanted                nobody waits any more: the query ends so, without a dead letter
│   ├── Expired             its deadline has passed
│   └── Cancelled           its publisher took it back
├── Permanent               the same message can never succeed: dead-letter at once
│   ├── Undecodable         bytes that are no message of the stream
│   ├── InvalidMessage      JSON of the wrong shape: a field missing or out of its bounds
│   ├── InvalidQuery        a question that cannot be asked: empty or too long
│   ├── UnknownCollection   nothing was ever ingested into it
│   ├── UnknownDocument     no such document in the collection
│   ├── OtherEmbedder       the index holds vectors of a model that Triton does not serve
│   ├── OutdatedIndex       the index was made by another version of ragstream
│   ├── UnreadableDocument  a document that cannot become chunks
│   │   ├── EmptyDocument, NoText, EncryptedDocument, DamagedDocument,
│   │   ├── UnsupportedType, DocumentTooLarge, MissingUpload
│   │   └── ReadLimitExceeded   its reader took too long or too much, or crashed
│   ├── InferenceRefused    Triton understood the request and refused it
│   │   └── PromptTooLong
│   └── AttemptsExhausted   a transient error that outlived its last attempt
└── SetupError              an operator must act; the command exits with `exit_code`
    ├── SettingsError, DataFolderError, PortInUse, StackRunning, StackNotRunning
    ├── RedisRefused, MissingSearchModule, MissingModel
    ├── ModelBuildError     weights that are missing, altered or of an unknown kind
    ├── RunError            files of a question set's run: in use, damaged, or of another run
    └── RebuildRunning      another rebuild of the index is at work

`code` is what travels in an Answer or a dead letter; it never changes once published.
"""

from typing import ClassVar


class RagstreamError(Exception):
    """Base of the tree.

    Attributes:
        code: stable name in snake_case, sent to consumers.
    """

    code: ClassVar[str] = "internal"


class Transient(RagstreamError):
    """The same message may succeed later."""

    code = "transient"


class Overloaded(Transient):
    """A stage is past its high-water mark, or a model in Triton has a full queue.

    Attributes:
        retry_after_s: seconds to wait before the next try, above 0.
    """

    code = "overloaded"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Outage(RagstreamError):
    """A server is away; no message is to blame."""

    code = "outage"


class RedisUnavailable(Outage):
    """Redis cannot be reached, is loading, or is read-only during a fail-over."""

    code = "redis_unavailable"


class TritonUnavailable(Outage):
    """Triton cannot be reached or a model is not ready."""

    code = "triton_unavailable"


class Unwanted(RagstreamError):
    """Nobody waits for this query's answer any more."""

    code = "unwanted"


class Expired(Unwanted):
    """The query's deadline has passed."""

    code = "expired"


class Cancelled(Unwanted):
    """The query's publisher took it back."""

    code = "cancelled"


class Permanent(RagstreamError):
    """The same message can never succeed."""

    code = "permanent"


class Undecodable(Permanent):
    """Bytes that are no message of their stream."""

    code = "undecodable"


class InvalidMessage(Permanent):
    """A message of the wrong shape: a field is missing, of a wrong type or out of bounds."""

    code = "invalid_message"


class InvalidQuery(Permanent):
    """A question that cannot be asked: empty or too long."""

    code = "invalid_query"


class UnknownCollection(Permanent):
    """Nothing was ever ingested into the collection."""

    code = "unknown_collection"


class UnknownDocument(Permanent):
    """No such document in the collection."""

    code = "unknown_document"


class OtherEmbedder(Permanent):
    """The index holds vectors of a model that Triton does not serve."""

    code = "other_embedder"


class OutdatedIndex(Permanent):
    """The index was made by another version of ragstream, with another schema."""

    code = "outdated_index"


class UnreadableDocument(Permanent):
    """A document that cannot become chunks."""

    code = "unreadable_document"


class EmptyDocument(UnreadableDocument):
    """The document has 0 bytes."""

    code = "empty_document"


class NoText(UnreadableDocument):
    """The document opens but holds no text, as a scan without OCR does."""

    code = "no_text"


class EncryptedDocument(UnreadableDocument):
    """The document wants a password."""

    code = "encrypted_document"


class DamagedDocument(UnreadableDocument):
    """The document's bytes are truncated or broken."""

    code = "damaged_document"


class UnsupportedType(UnreadableDocument):
    """No reader knows this kind of document."""

    code = "unsupported_type"


class DocumentTooLarge(UnreadableDocument):
    """The document is larger than the setting allows."""

    code = "document_too_large"


class MissingUpload(UnreadableDocument):
    """The bytes that the message points to are not in Redis."""

    code = "missing_upload"


class ReadLimitExceeded(UnreadableDocument):
    """Reading the document took too much time, memory or text, or ended its process."""

    code = "read_limit"


class InferenceRefused(Permanent):
    """Triton understood the request and refused it."""

    code = "inference_refused"


class PromptTooLong(InferenceRefused):
    """The prompt does not fit the generator's context."""

    code = "prompt_too_long"


class AttemptsExhausted(Permanent):
    """A transient error that outlived its last attempt.

    Attributes:
        attempts: how often it was tried, from 1.
    """

    code = "attempts_exhausted"

    def __init__(self, message: str, attempts: int) -> None:
        super().__init__(message)
        self.attempts = attempts


class SetupError(RagstreamError):
    """An operator must act before the command can work.

    Attributes:
        exit_code: what the process exits with, 1..125.
    """

    code = "setup"
    exit_code: ClassVar[int] = 1


class SettingsError(SetupError):
    """A setting is unknown, malformed or out of its bounds."""

    code = "settings"
    exit_code = 2


class DataFolderError(SetupError):
    """The data folder cannot be written."""

    code = "data_folder"
    exit_code = 3


class PortInUse(SetupError):
    """Another program listens on the port that was asked for."""

    code = "port_in_use"
    exit_code = 4


class StackRunning(SetupError):
    """A stack already runs on this data folder."""

    code = "stack_running"
    exit_code = 5


class StackNotRunning(SetupError):
    """No stack runs on this data folder, or a part of it did not start."""

    code = "stack_not_running"
    exit_code = 6


class RedisRefused(SetupError):
    """Redis answers, but not to us: wrong password or missing rights."""

    code = "redis_refused"
    exit_code = 7


class MissingSearchModule(SetupError):
    """Redis runs without the search module (FT.* commands)."""

    code = "missing_search_module"
    exit_code = 8


class MissingModel(SetupError):
    """Triton runs without a model that the worker needs."""

    code = "missing_model"
    exit_code = 9


class ModelBuildError(SetupError):
    """Weights are missing, altered, or of a kind the builder cannot convert."""

    code = "model_build"
    exit_code = 10


class RunError(SetupError):
    """A question set, or the files of its run, cannot be used."""

    code = "run"
    exit_code = 11


class RebuildRunning(SetupError):
    """Another rebuild of the index is at work, or one stands in the way."""

    code = "rebuild_running"
    exit_code = 12
