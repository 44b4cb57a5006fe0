"""How a query ends other than by an answer of the model, and how a document fails."""

from collections.abc import Callable, Sequence
from typing import Protocol

from shared.errors import RagstreamError
from shared.messages import Answer, ErrorInfo, Query
from shared.streams import Effect, Entry, Namespace, Retention, finish, peek_id


class Ingested(Protocol):
    """A message on a document's way."""

    @property
    def document_id(self) -> str:
        """The document."""


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
        info = ErrorInfo(code=error.code, message=str(error))
        metadata = query.metadata if query else {}
        return self.finish(
            Answer(query_id=query_id, status="failed", error=info, metadata=metadata)
        )

    def expire(self, query: Query, accepted_ms: int) -> list[Effect] | None:
        """End a query whose deadline has passed; None while there is time."""
        if query.deadline_ms is None:
            return None
        late_ms = int(self._clock() * 1000) - accepted_ms - query.deadline_ms
        if late_ms < 0:
            return None
        info = ErrorInfo(code="expired", message=f"its deadline passed {late_ms} ms ago")
        return self.finish(
            Answer(query_id=query.id, status="expired", error=info, metadata=query.metadata)
        )

    def fail_document(
        self, _entry: Entry, message: Ingested | None, error: RagstreamError
    ) -> list[Effect]:
        """Write down why a document could not be ingested, for those who wait for it."""
        return self.document_failed(message.document_id, error) if message else []

    def document_failed(self, document_id: str, error: RagstreamError) -> list[Effect]:
        """Mark a document as failed; chunks of an earlier version stay as they are."""
        fields = ("state", "failed", "error_code", error.code, "error", str(error))
        return [Effect("HSET", self._names.document(document_id), fields)]
