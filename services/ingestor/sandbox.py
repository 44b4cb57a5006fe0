"""Reading of documents in child processes, so that a hostile one hurts nothing but itself.

A parser that meets bytes made for it may loop, eat all memory or crash. Each document is read by
a child with limits; one that breaks them is killed and replaced. Children are reused, for a start
takes a second. They get none of the worker's environment, so no password.

Own code over asyncio's subprocesses: concurrent.futures loses its whole pool with one child, and
every pool that pickles would run what a child that was taken over sends back.
"""

import asyncio
import math
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, cast

import msgspec
import structlog

from services.ingestor.jobs import (
    LENGTH_BYTES,
    OUT_OF_MEMORY,
    Job,
    Reading,
    Refusal,
    Reply,
    decode_reply,
    frame,
)
from services.ingestor.settings import IngestorSettings
from shared import errors
from shared.errors import ReadLimitExceeded, SetupError, UnreadableDocument

log = structlog.get_logger()

_MODULE = "services.ingestor.child"
_START_S = 60.0
_READ_BYTES = 65_536
_KEPT = ("PATH", "LD_LIBRARY_PATH", "TZ")  # variables that a child may know
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


class _Lost(Exception):  # noqa: N818 - named for what happened
    """A child ended before it had answered; says how."""


class _Child:
    """One reading process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        # the three are there, for PIPE was asked for
        self._in = cast("StreamWriter", process.stdin)
        self._out = cast("StreamReader", process.stdout)
        self._err = cast("StreamReader", process.stderr)

    async def ready(self) -> None:
        """Wait until it takes jobs.

        Raises:
            SetupError: it ended instead, or took too long.
        """
        try:
            async with asyncio.timeout(_START_S):
                await self._receive(0)
        except (_Lost, TimeoutError) as exc:
            with suppress(ProcessLookupError):
                self._process.kill()
            said = (await self._err.read()).decode("utf-8", "replace").strip()
            raise SetupError(f"a process for reading documents does not start: {said}") from exc

    async def ask(self, job: bytes, most_bytes: int) -> bytes:
        """Send a framed job, give the reply.

        Raises:
            _Lost: it ended, or its reply is longer than `most_bytes`.
        """
        with suppress(ConnectionError):  # what it did not live to read: `_receive` says why
            self._in.write(job)
            await self._in.drain()
        return await self._receive(most_bytes)

    async def _receive(self, most_bytes: int) -> bytes:
        try:
            length = int.from_bytes(await self._out.readexactly(LENGTH_BYTES), "big")
            if length > most_bytes:
                raise _Lost(f"its text takes {length:,} bytes, at most {most_bytes:,}")
            return await self._out.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            raise _Lost(_ending(await self._process.wait())) from exc

    async def end(self) -> None:
        """Kill it, whatever it does, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._in.close()
        for pipe in (self._out, self._err):  # `wait` ends once they are read to their end
            while await pipe.read(_READ_BYTES):
                pass
        await self._process.wait()


def _ending(status: int) -> str:
    """Say why a child ended by itself."""
    if status == OUT_OF_MEMORY:
        return "it needs more memory than RAGSTREAM_INGESTOR_READ_MEMORY_MB allows"
    if status == -signal.SIGXCPU:
        return "it needs more CPU time than RAGSTREAM_INGESTOR_READ_TIMEOUT_S allows"
    if status < 0:
        name = signal.Signals(-status).name
        return f"its reader crashed ({name}), or needed more memory than there is"
    return f"its reader ended with status {status}"


async def _start(module: str, limits: Limits) -> _Child:
    """Start a child; it gets none of the worker's secrets.

    Raises:
        SetupError: the installation is broken, or the machine takes no more processes.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    words = ("-m", module, str(limits.memory_bytes), str(limits.cpu_s))
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-B", *words),
            env={**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
    except OSError as exc:
        raise SetupError(f"no process for reading documents can be started: {exc}") from exc
    child = _Child(process)
    try:
        await child.ready()
    except BaseException:  # cancelled, too
        await child.end()
        raise
    return child


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
        self._idle: list[_Child] = []

    async def __aenter__(self) -> Self:
        """Start a first child, so that a broken installation shows before a document comes.

        Raises:
            SetupError: it does not start.
        """
        self._idle.append(await _start(self._module, self._limits))
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
            except _Lost as exc:
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
            with suppress(_Lost):
                return await self._ask_one(self._idle.pop(), job)
        return await self._ask_one(await _start(self._module, self._limits), job)

    async def _ask_one(self, child: _Child, job: bytes) -> Reply:
        """Let this child read, and keep it only if it answers as it should."""
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                payload = await child.ask(job, self._limits.reply_bytes)
            # a long text takes a while: others go on meanwhile
            reply: Reply = await asyncio.to_thread(decode_reply, payload)
        except msgspec.MsgspecError as exc:
            await child.end()
            raise _Lost("its reader answered what no reader says") from exc
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
