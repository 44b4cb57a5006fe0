"""RagstreamClient: for upstream systems that ask and consumers that read answers.

    async with RagstreamClient("redis://127.0.0.1:6379") as client:
        answer = await client.ask(Query(question="Which data sets were used?"))

Everything that it does can be done from any language with a Redis client: see the README.
"""

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis

from shared import tracing
from shared.backpressure import Publisher
from shared.consumers import forget_gone
from shared.documents import DocumentState, look_up, look_up_all
from shared.errors import InvalidMessage
from shared.messages import (
    Answer,
    Document,
    Finished,
    Message,
    Query,
    TokenEvent,
    decode_answer,
    decode_document,
    decode_query,
    decode_token_event,
    encode_json,
)
from shared.redis import connect, ensure_groups, told
from shared.spans import Tracer
from shared.streams import DATA, Namespace
from shared.trail import ended

_UPLOAD_KEPT_S = 86_400
_CANCEL_KEPT_S = 86_400
_POLL_S = 0.1
_BLOCK_MS = 5_000
_GONE = 10  # times `claim_after_s`


class RagstreamClient:
    """Publishes questions and documents, reads answers.

    Args:
        redis_url: any URL that `RAGSTREAM_REDIS_URL` takes.
        password: of the Redis user, where the URL has none.
        namespace: the deployment's `RAGSTREAM_NAMESPACE`; shared/spread.py is for several.
        high_water: entries of one stage past which nothing more is published, above 0.
        tracer: shows what is published and asked, as shared/otlp.py makes one. Without it, a
            question or document joins the caller's own trace, if it has one.

    Every method raises RedisUnavailable while Redis is away and RedisRefused where it does not
    let us in.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        password: str = "",
        namespace: str = "rag",
        high_water: int = 20_000,
        tracer: Tracer | None = None,
    ) -> None:
        self._redis: Redis = connect(redis_url, password, namespace=namespace)
        self._names = Namespace(namespace)
        self._publisher = Publisher(self._redis, high_water)
        self._tracer = tracer

    async def __aenter__(self) -> Self:
        """Connections open at the first command."""
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._redis.aclose()

    async def publish(self, query: Query) -> str:
        """Publish a question; its Answer will come on `answers`.

        Args:
            query: without an id it gets a new one. The same id twice yields one Answer.

        Returns:
            The query's id.

        Raises:
            InvalidMessage: a field is out of its bounds.
            Overloaded: too much waits already; `retry_after_s` says how long to wait.
        """
        names, query_id = self._names, query.id or uuid.uuid4().hex
        stages = (names.queries, names.retrieve, names.generate)
        with (
            tracing.under(self._tracer, "publish queries", "producer", query.traceparent) as parent,
            told(),
        ):
            payload = checked(replace(query, id=query_id, traceparent=parent), decode_query)
            await self._publisher.publish(
                [names.lane(stage, query.priority) for stage in stages], payload
            )
        return query_id

    async def cancel(self, query_id: str) -> bool:
        """Take a question back; it ends with an Answer of status `cancelled`.

        Returns:
            False if it had its Answer already (then nothing is done); else True: the mark is
            set, and whichever stage meets the question next ends it. That it was ever published
            is not checked: a client may not look into the stages.
        """
        with told():
            if await ended(self._redis, self._names, query_id):
                return False
            await self._redis.set(self._names.cancelled(query_id), 1, ex=_CANCEL_KEPT_S)
        return True

    async def ask(self, query: Query, *, timeout_s: float = 120.0) -> Answer:
        """Publish a question and wait for its Answer.

        Raises:
            InvalidMessage: a field is out of its bounds.
            TimeoutError: no Answer within `timeout_s`; it will still come on `answers`.
        """
        async with aclosing(self.stream(query, timeout_s=timeout_s)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.answer
        raise AssertionError("a stream ends with Finished or raises")

    async def stream(self, query: Query, *, timeout_s: float = 120.0) -> AsyncGenerator[TokenEvent]:
        """Publish a question and read along.

        Yields:
            Started and Token while the model writes (if `query.stream`), then Finished. A second
            Started means that the text begins anew. Of an id that has its Answer, only Finished.

        Raises:
            InvalidMessage: a field is out of its bounds.
            TimeoutError: no Answer within `timeout_s`; it will still come on `answers`.
        """
        deadline = _Deadline(timeout_s)
        if query.id and (answer := await ended(self._redis, self._names, query.id)):
            yield Finished(answer=answer)
            return
        with tracing.under(self._tracer, "ask", "client", query.traceparent) as parent:
            query_id = await self.publish(replace(query, traceparent=parent))
            key, last = self._names.tokens(query_id), b"0"
            while True:
                with told():
                    reply = await self._redis.xread({key: last}, block=deadline.block_ms())
                for entry_id, fields in _entries(reply):
                    last = entry_id
                    yield (event := decode_token_event(fields[DATA]))
                    if isinstance(event, Finished):
                        return

    async def answers(
        self, group: str, *, consumer: str = "", claim_after_s: float = 60.0
    ) -> AsyncGenerator[Answer]:
        """Subscribe to all answers, from the oldest that is kept.

        Consumers of one group share the answers. An answer is acknowledged when the next one is
        asked for: one that a consumer died with goes to another of its group, so each is
        delivered at least once.

        Args:
            group: name of the subscription; every group gets every answer.
            consumer: this reader's name in the group, unique. Default: a new one.
            claim_after_s: seconds with one answer after which a consumer counts as dead. Names
                of consumers that are silent for ten times as long and hold nothing are forgotten.
        """
        stream, consumer = self._names.answers, consumer or uuid.uuid4().hex
        with told():
            await ensure_groups(self._redis, [(stream, group)])
            await forget_gone(self._redis, stream, group, int(_GONE * claim_after_s * 1000))
        while True:
            with told():
                entries = await self._left_behind(stream, group, consumer, claim_after_s)
                if not entries:
                    reply = await self._redis.xreadgroup(
                        group, consumer, {stream: ">"}, count=1, block=_BLOCK_MS
                    )
                    entries = _entries(reply)
            for entry_id, fields in entries:
                if fields:  # else trimmed meanwhile: nothing is left to deliver
                    yield decode_answer(fields[DATA])
                with told():
                    await self._redis.xack(stream, group, entry_id)

    async def _left_behind(
        self, stream: str, group: str, consumer: str, idle_s: float
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """The oldest answer that a dead consumer of the group had in hand, if there is one."""
        claimed: Any = await self._redis.xautoclaim(
            stream, group, consumer, int(idle_s * 1000), count=1
        )
        return list(claimed[1])

    async def ingest(
        self,
        data: bytes,
        *,
        document_id: str,
        name: str = "",
        collection: str = "default",
        title: str = "",
    ) -> str:
        """Hand in a document's bytes; `wait_ingested` tells how it went.

        Args:
            data: the file's bytes.
            document_id: ingesting the same id again replaces the document.
            name: file name; its ending helps where the bytes do not tell the type.
            collection: where questions will find it.
            title: shown in citations; found in the document if empty.

        Returns:
            The document's id.

        Raises:
            InvalidMessage: a field is out of its bounds.
            Overloaded: too much waits already; `retry_after_s` says how long to wait.
        """
        document = Document(
            id=document_id,
            collection=collection,
            name=name,
            title=title,
            upload=uuid.uuid4().hex,
            sha256=hashlib.sha256(data).hexdigest(),
        )
        record, names = self._names.document(document_id), self._names
        with tracing.under(self._tracer, "publish documents", "producer", "") as parent, told():
            payload = checked(replace(document, traceparent=parent), decode_document)
            await self._publisher.check([names.documents, names.embed, names.index])
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.set(self._names.upload(document.upload or ""), data, ex=_UPLOAD_KEPT_S)
                pipe.hset(record, mapping={"state": "received", "wanted": document.upload or ""})
                pipe.xadd(self._names.documents, {DATA: payload})
                await pipe.execute()
        return document_id

    async def wait_ingested(
        self, document_ids: Iterable[str], *, timeout_s: float = 600.0
    ) -> AsyncGenerator[DocumentState]:
        """Wait for documents, in whatever order they are done.

        Yields:
            Each document once, `ingested` or `failed`.

        Raises:
            TimeoutError: some are not done within `timeout_s`.
        """
        deadline = _Deadline(timeout_s)
        waiting = list(dict.fromkeys(document_ids))
        while waiting:
            with told():
                states = await look_up_all(self._redis, self._names, waiting)
            done = {one.id: one for one in states if one.state in {"ingested", "failed"}}
            waiting = [document_id for document_id in waiting if document_id not in done]
            for state in done.values():
                yield state
            if waiting:
                await asyncio.sleep(min(_POLL_S, deadline.block_ms() / 1000))

    async def document(self, document_id: str) -> DocumentState:
        """What is known of a document; state `unknown` if nothing is."""
        with told():
            return await look_up(self._redis, self._names, document_id)


class _Deadline:
    """Time that is left; asked for before each wait, so that no time-out strikes the caller."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def block_ms(self) -> int:
        """Milliseconds to wait next, above 0.

        Raises:
            TimeoutError: none are left.
        """
        left_ms = int((self._end - time.monotonic()) * 1000)
        if left_ms <= 0:
            raise TimeoutError(f"not done within {self._timeout_s:g} s")
        return min(left_ms, _BLOCK_MS)


def _entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries of an XREAD of one stream, as RESP2 gives them; none if it timed out."""
    return reply[0][1] if reply else []


def checked(message: Message, decode: Callable[[bytes], Any]) -> bytes:
    """Encode a message, held against its bounds: msgspec checks them only when it decodes.

    Raises:
        InvalidMessage: a field is out of its bounds, or no text.
    """
    try:
        payload = encode_json(message)
        decode(payload)
    except (msgspec.ValidationError, UnicodeEncodeError) as exc:
        raise InvalidMessage(str(exc)) from exc
    return payload
