"""How a query ends other than by an answer: failed, expired, cancelled; how a document fails."""

from collections.abc import Callable, Sequence
from typing import Protocol

from shared.errors import Cancelled, Expired, RagstreamError
from shared.messages import Answer, ErrorInfo, Query, Status
from shared.streams import Effect, Entry, Namespace, Retention, finish, peek_id

_STATUS: dict[type[RagstreamError], Status] = {Expired: "expired", Cancelled: "cancelled"}


class Ingested(Protocol):
    """A message on a document's way."""

    @property
    def document_id(self) -> str:
        """The document."""

    @property
    def upload(self) -> str:
        """Name of its bytes, "" if they came with the message."""


class Asked(Protocol):
    """A message on a query's way: it carries the query and when it was accepted."""

    @property
    def query(self) -> Query:
        """The question as it was published."""

    @property
    def accepted_ms(self) -> int:
        """When its entry was added to `queries`, milliseconds since the epoch."""


class Endings:
    """Makes the effects that end a query.

    Args:
        names: the namespace.
        retention: how long finished things are kept.
        clock: seconds since the epoch.
    """

    def __init__(self, names: Namespace, retention: Retention, clock: Callable[[], float]) -> None:
        self._names = names
        self._retention = retention
        self._clock = clock

    def finish(self, answer: Answer) -> list[Effect]:
        """End a query with this answer."""
        return finish(self._names, answer, self._retention, int(self._clock() * 1000))

    def fail_new(self, entry: Entry, query: Query | None, error: RagstreamError) -> list[Effect]:
        """End a query that could not even be taken in; nothing if no address can be read."""
        query_id = query.id if query else peek_id(entry)
        return self._failed(query_id, query, error) if query_id else []

    def fail(self, _entry: Entry, message: Asked | None, error: RagstreamError) -> Sequence[Effect]:
        """End a query that failed on its way."""
        return self._failed(message.query.id, message.query, error) if message else []

    def _failed(self, query_id: str, query: Query | None, error: RagstreamError) -> list[Effect]:
        return self.finish(
            Answer(
                query_id=query_id,
                status=_STATUS.get(type(error), "failed"),
                error=ErrorInfo(code=error.code, message=str(error)),
                metadata=query.metadata if query else {},
                traceparent=query.traceparent if query else "",
            )
        )

    def fail_document(
        self, _entry: Entry, message: Ingested | None, error: RagstreamError
    ) -> list[Effect]:
        """Write down why a document could not be ingested, for those who wait for it."""
        if message is None:
            return []
        return self.document_failed(message.document_id, message.upload, error)

    def document_failed(self, document_id: str, upload: str, error: RagstreamError) -> list[Effect]:
        """Mark a document as failed; chunks of an earlier version stay as they are.

        Uploaded bytes stay until their time is over: the dead letter may be redriven.
        """
        why = ("error_code", error.code, "error", str(error))
        record = self._names.document(document_id)
        return [Effect("HSET", record, ("state", "failed", "done", upload, *why))]
