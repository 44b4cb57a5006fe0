"""SpreadClient: one client of several namespaces, each of which is a shard of the questions.

    namespaces = ["{rag-0}", "{rag-1}", "{rag-2}"]
    async with SpreadClient("redis+cluster://host1:6379,host2:6379", namespaces) as client:
        answer = await client.ask(Query(question="Which data sets were used?"))

A question goes to the namespace that its id falls to, so that the same id twice gives one answer
here, too. A document goes to all of them: whichever namespace a question falls to holds every
document that it may be about. docs/redis.md says what that buys and what it costs.
"""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar

from msgspec.structs import replace

from shared.client import RagstreamClient
from shared.documents import DocumentState
from shared.messages import Answer, Query, TokenEvent
from shared.tasks import ended

T = TypeVar("T")
_LEAST = ("failed", "unknown", "received", "removed", "ingested")


def home(query_id: str, namespaces: Sequence[str]) -> str:
    """The namespace that a question belongs to, by rendezvous hashing.

    That with the largest SHA-256 of `namespace:query_id`, so that any language can find it. With
    one namespace more, only the ids that fall to the new one change their home.

    Args:
        query_id: any id.
        namespaces: at least one; their order does not matter.
    """

    def weight(namespace: str) -> bytes:
        return hashlib.sha256(f"{namespace}:{query_id}".encode()).digest()

    return max(namespaces, key=weight)


class SpreadClient:
    """Publishes questions to one of several namespaces and documents to all; reads all answers.

    Its methods are those of RagstreamClient, and raise what they raise.

    Args:
        redis_url: where Redis is, for all namespaces.
        namespaces: the deployment's `RAGSTREAM_NAMESPACES`, at least one.
        password: of the Redis user, where the URL has none.
        high_water: entries of one stage of one namespace past which nothing more is published
            there, above 0.
    """

    def __init__(
        self,
        redis_url: str,
        namespaces: Sequence[str],
        *,
        password: str = "",
        high_water: int = 20_000,
    ) -> None:
        self._clients = {
            name: RagstreamClient(
                redis_url, password=password, namespace=name, high_water=high_water
            )
            for name in namespaces
        }

    async def __aenter__(self) -> Self:
        """Connections open at the first command."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.__aexit__(kind, error, trace)

    async def publish(self, query: Query) -> str:
        """Publish a question; its Answer will come on `answers` of its namespace."""
        query = _named(query)
        return await self._home(query.id).publish(query)

    async def cancel(self, query_id: str) -> bool:
        """Take a question back; False if it had its Answer already."""
        return await self._home(query_id).cancel(query_id)

    async def ask(self, query: Query, *, timeout_s: float = 120.0) -> Answer:
        """Publish a question and wait for its Answer."""
        query = _named(query)
        return await self._home(query.id).ask(query, timeout_s=timeout_s)

    async def stream(self, query: Query, *, timeout_s: float = 120.0) -> AsyncGenerator[TokenEvent]:
        """Publish a question and read along."""
        query = _named(query)
        async with aclosing(self._home(query.id).stream(query, timeout_s=timeout_s)) as events:
            async for event in events:
                yield event

    async def answers(
        self, group: str, *, consumer: str = "", claim_after_s: float = 60.0
    ) -> AsyncGenerator[Answer]:
        """Subscribe to the answers of all namespaces, each from its oldest that is kept.

        Each is delivered at least once, and acknowledged when the next one of its namespace is
        asked for. An error of one namespace ends it: what was in hand is delivered again.
        """
        consumer = consumer or uuid.uuid4().hex
        sources = [
            client.answers(group, consumer=consumer, claim_after_s=claim_after_s)
            for client in self._clients.values()
        ]
        async with aclosing(_merged(sources)) as answers:
            async for answer in answers:
                yield answer

    async def ingest(
        self,
        data: bytes,
        *,
        document_id: str,
        name: str = "",
        collection: str = "default",
        title: str = "",
    ) -> str:
        """Hand in a document's bytes to every namespace.

        After an error some may have them: hand it in again. Where the same bytes are there
        already, nothing is done anew.
        """
        for client in self._clients.values():
            await client.ingest(
                data, document_id=document_id, name=name, collection=collection, title=title
            )
        return document_id

    async def wait_ingested(
        self, document_ids: Iterable[str], *, timeout_s: float = 600.0
    ) -> AsyncGenerator[DocumentState]:
        """Wait for documents; each comes once, when it is done in all namespaces.

        Yields:
            The state of each, `failed` if it failed in any.
        """
        wanted = list(document_ids)
        sources = [one.wait_ingested(wanted, timeout_s=timeout_s) for one in self._clients.values()]
        done: dict[str, list[DocumentState]] = {}
        async with aclosing(_merged(sources)) as states:
            async for state in states:
                known = done.setdefault(state.id, [])
                known.append(state)
                if len(known) == len(sources):
                    yield _least(known)

    async def document(self, document_id: str) -> DocumentState:
        """What is known of a document where least of it is done."""
        every = self._clients.values()
        return _least([await client.document(document_id) for client in every])

    def _home(self, query_id: str) -> RagstreamClient:
        return self._clients[home(query_id, list(self._clients))]


def _least(states: Sequence[DocumentState]) -> DocumentState:
    """The one of which least is done."""
    return min(states, key=lambda one: _LEAST.index(one.state))


async def _merged(sources: Sequence[AsyncGenerator[T]]) -> AsyncGenerator[T]:
    """What comes first from any; a source is asked for its next once its last has been used."""
    waiting = {asyncio.ensure_future(anext(source)): source for source in sources}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                source = waiting.pop(task)
                try:
                    item = task.result()
                except StopAsyncIteration:
                    continue
                yield item
                waiting[asyncio.ensure_future(anext(source))] = source
    finally:
        await ended(waiting)
        for source in sources:
            await source.aclose()


def _named(query: Query) -> Query:
    return replace(query, id=query.id or uuid.uuid4().hex)
