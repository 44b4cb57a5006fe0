"""Reading of documents in child processes, so that a hostile one hurts nothing but itself.

A parser that meets bytes made for it may loop, eat all memory or crash. Each document is read by
a child with limits; one that breaks them is killed and replaced. Children are reused, for a start
takes a second. They get none of the worker's environment, so no password.

Own code over asyncio's subprocesses: concurrent.futures loses its whole pool with one child, and
every pool that pickles would run what a child that was taken over sends back.
"""

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import msgspec
import structlog

from services.ingestor.child_process import Child, Lost, start
from services.ingestor.jobs import (
    Job,
    Reading,
    Refusal,
    Reply,
    decode_reply,
    frame,
)
from services.ingestor.settings import IngestorSettings
from shared import errors
from shared.errors import ReadLimitExceeded, UnreadableDocument

log = structlog.get_logger()

_MODULE = "services.ingestor.child"
_REFUSALS: Final = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, UnreadableDocument)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What reading one document may take.

    Attributes:
        timeout_s: seconds from its bytes to its text.
        memory_bytes: address space of the child, its programs included.
        cpu_s: seconds of CPU time; only felt where the worker cannot look at the clock.
        reply_bytes: longest text, with its sections, that is taken from a child.
    """

    timeout_s: float
    memory_bytes: int
    cpu_s: int
    reply_bytes: int

    @classmethod
    def of(cls, settings: IngestorSettings) -> Self:
        """Give the limits that the settings say."""
        return cls(
            timeout_s=settings.read_timeout_s,
            memory_bytes=settings.read_memory_mb * 2**20,
            cpu_s=math.ceil(settings.read_timeout_s),
            reply_bytes=2 * settings.max_document_bytes,
        )


class Sandbox:
    """A pool of reading processes.

    Args:
        limits: of each document.
        count: children at most, above 0; further calls wait for one.
        module: what a child runs; see `child` for how it talks.
    """

    def __init__(self, limits: Limits, count: int, module: str = _MODULE) -> None:
        self._limits = limits
        self._module = module
        self._free = asyncio.Semaphore(count)
        self._idle: list[Child] = []

    async def __aenter__(self) -> Self:
        """Start a first child, so that a broken installation shows before a document comes.

        Raises:
            SetupError: it does not start.
        """
        self._idle.append(await self._start())
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """End the children; those that still read end with the calls that wait for them."""
        while self._idle:
            await self._idle.pop().end()

    async def read(self, name: str, data: bytes) -> Reading:
        """Read a document; a cancelled call kills its child.

        Args:
            name: the file's name, see `reading.read`; never opened.
            data: the whole file.

        Raises:
            ReadLimitExceeded: it broke a limit, or its reader crashed.
            UnreadableDocument: any other, see `reading.read`.
            SetupError: no child can be started.
        """
        job = frame(Job(name=name, data=data))
        async with self._free:
            try:
                reply = await self._ask(job)
            except Lost as exc:
                log.warning("reading process lost", reason=str(exc))
                raise ReadLimitExceeded(f"{name}: cannot be read: {exc}") from exc
            except TimeoutError as exc:
                raise ReadLimitExceeded(
                    f"{name}: not read within {self._limits.timeout_s:g} s "
                    "(RAGSTREAM_INGESTOR_READ_TIMEOUT_S)"
                ) from exc
        return _reading(reply)

    async def _ask(self, job: bytes) -> Reply:
        """Let a child read; a child that is lost with its second document may blame the first."""
        if self._idle:
            with suppress(Lost):
                return await self._ask_one(self._idle.pop(), job)
        return await self._ask_one(await self._start(), job)

    async def _start(self) -> Child:
        return await start(self._module, self._limits.memory_bytes, self._limits.cpu_s)

    async def _ask_one(self, child: Child, job: bytes) -> Reply:
        """Let this child read, and keep it only if it answers as it should."""
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                payload = await child.ask(job, self._limits.reply_bytes)
            # a long text takes a while: others go on meanwhile
            reply: Reply = await asyncio.to_thread(decode_reply, payload)
        except msgspec.MsgspecError as exc:
            await child.end()
            raise Lost("its reader answered what no reader says") from exc
        except BaseException:
            await child.end()
            raise
        self._idle.append(child)
        return reply


def _reading(reply: Reply) -> Reading:
    """Give what was read, or raise what the child refused it with."""
    if isinstance(reply, Refusal):
        raise _REFUSALS.get(reply.code, UnreadableDocument)(reply.message)
    return reply
