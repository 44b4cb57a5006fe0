"""The worker's end of one reading process: its start, its pipes and its ending."""

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import cast

from services.ingestor.jobs import LENGTH_BYTES, OUT_OF_MEMORY
from shared.errors import SetupError

_START_S = 60.0
_READ_BYTES = 65_536
_KEPT = ("PATH", "LD_LIBRARY_PATH", "TZ")  # variables that a child may know


class Lost(Exception):  # noqa: N818 - named for what happened
    """A child ended before it had answered; says how."""


class Child:
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
        except (Lost, TimeoutError) as exc:
            with suppress(ProcessLookupError):
                self._process.kill()
            said = (await self._err.read()).decode("utf-8", "replace").strip()
            raise SetupError(f"a process for reading documents does not start: {said}") from exc

    async def ask(self, job: bytes, most_bytes: int) -> bytes:
        """Send a framed job, give the reply.

        Raises:
            Lost: it ended, or its reply is longer than `most_bytes`.
        """
        with suppress(ConnectionError):  # what it did not live to read: `_receive` says why
            self._in.write(job)
            await self._in.drain()
        return await self._receive(most_bytes)

    async def _receive(self, most_bytes: int) -> bytes:
        try:
            length = int.from_bytes(await self._out.readexactly(LENGTH_BYTES), "big")
            if length > most_bytes:
                raise Lost(f"its text takes {length:,} bytes, at most {most_bytes:,}")
            return await self._out.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            raise Lost(_ending(await self._process.wait())) from exc

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


async def start(module: str, memory_bytes: int, cpu_s: int) -> Child:
    """Start a child; it gets none of the worker's secrets.

    Args:
        module: what it runs; see `child` for how it talks.
        memory_bytes: its address space, its programs included.
        cpu_s: seconds of CPU time for each document.

    Raises:
        SetupError: the installation is broken, or the machine takes no more processes.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    words = ("-m", module, str(memory_bytes), str(cpu_s))
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
    child = Child(process)
    try:
        await child.ready()
    except BaseException:  # cancelled, too
        await child.end()
        raise
    return child
