"""Stages like those of the workers over a real Redis, with handlers of the test's own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from click.testing import CliRunner, Result

from services.cli.main import cli
from services.cli.session import Session
from services.embedder.questions import check_question, read_query
from services.ingestor.documents import read_document
from shared.answers import Endings
from shared.delivery import Delivery, RetryPolicy, Stage
from shared.errors import RagstreamError
from shared.messages import Answer, Document, Query, Retrieve, decode_retrieve
from shared.redis import ensure_groups
from shared.spans import Tracer
from shared.streams import Effect, Entry, Namespace, Retention, decoded, peek_id, publish
from tests.redis_server import RedisAddress

Handle = Callable[[Entry, Any], Awaitable[Sequence[Effect]]]


class Pipeline:
    """Takes entries and runs them as the workers do."""

    def __init__(self, redis: Any, names: Namespace, tracer: Tracer | None = None) -> None:
        self.redis = redis
        self.names = names
        self.endings = Endings(names, Retention(query_s=60, answer_s=600, tokens_s=60), time.time)
        retry = RetryPolicy(max_attempts=2, first_s=0.001, most_s=0.002)
        self._delivery = Delivery(redis, names, "worker-1", retry=retry, tracer=tracer)

    def entrance(self, handle: Handle, *, bulk: bool = False) -> Stage[Query]:
        """The embedder's stage."""

        def once(entry: Entry, query: Query | None) -> str | None:
            query_id = query.id if query else peek_id(entry)
            return self.names.seen(query_id) if query_id else None

        stream = self.names.lane(self.names.queries, "bulk" if bulk else "interactive")

        async def checked(entry: Entry, query: Query) -> Sequence[Effect]:
            check_question(query, max_chars=100)
            return await handle(entry, query)

        return Stage(stream, "embedder", read_query, checked, self.endings.fail_new, once)

    def retriever(self, handle: Handle) -> Stage[Retrieve]:
        """The retriever's stage."""
        decode = decoded(decode_retrieve)
        return Stage(self.names.retrieve, "retriever", decode, handle, self.endings.fail)

    def ingestor(self, handle: Handle) -> Stage[Document]:
        """The ingestor's stage."""

        def fail(_entry: Entry, document: Document | None, error: RagstreamError) -> list[Effect]:
            return self.endings.document_failed(document.id, "", error) if document else []

        return Stage(self.names.documents, "ingestor", read_document, handle, fail)

    async def take(self, stage: Stage[Any], consumer: str = "worker-1") -> Entry:
        """Read one entry, as a worker does."""
        await ensure_groups(self.redis, [(stage.stream, stage.group)])
        reply = await self.redis.xreadgroup(stage.group, consumer, {stage.stream: ">"}, count=1)
        [[_, [(entry_id, fields)]]] = reply
        return Entry(stage.stream, entry_id.decode(), fields)

    async def run(self, stage: Stage[Any]) -> None:
        """Take one entry and bring it to its end."""
        await self.process(stage, await self.take(stage))

    async def process(self, stage: Stage[Any], entry: Entry) -> None:
        """Bring an entry to its end."""
        await self._delivery.process(stage, entry)

    async def on(self, _entry: Entry, query: Query) -> list[Effect]:
        """A handler: hands a question to the retriever."""
        message = Retrieve(query=query, embedding=b"\0" * 8, accepted_ms=int(time.time() * 1000))
        return [publish(self.names.retrieve, message)]

    async def answer(self, _entry: Entry, message: Query | Retrieve) -> list[Effect]:
        """A handler: answers at once."""
        query = message.query if isinstance(message, Retrieve) else message
        return self.endings.finish(Answer(query_id=query.id, status="answered", text="Forty."))


def fails(error: RagstreamError) -> Handle:
    """A handler that raises this each time."""

    async def handle(_entry: Entry, _message: Any) -> list[Effect]:
        raise error

    return handle


async def ragstream(
    server: RedisAddress, namespace: str, *words: str, typed: str | None = None
) -> Result:
    """Run the command against that Redis, as on an operator's machine."""
    environ = {
        "RAGSTREAM_REDIS_URL": server.url,
        "RAGSTREAM_REDIS_PASSWORD": server.password,
        "RAGSTREAM_NAMESPACE": namespace,
    }
    session = Session(environ=environ)  # in a thread: the command has a loop of its own
    return await asyncio.to_thread(CliRunner().invoke, cli, words, input=typed, obj=session)
