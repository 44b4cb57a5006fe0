"""A TCP wire between workers and a server, which can be cut and made slow."""

import asyncio
from contextlib import suppress

LOOPBACK = "127.0.0.1"
_PIECE_BYTES = 1 << 16


class Proxy:
    """Passes bytes both ways between its own port and a server's.

    Args:
        target_port: where the server listens on loopback; it may be away.

    Attributes:
        delay_s: how long every piece of bytes is held back, seconds.
        port: where clients connect, once started.
    """

    def __init__(self, target_port: int) -> None:
        self.delay_s = 0.0
        self.port = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free port, the same one until `close`."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in tuple(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def cut(self) -> int:
        """Break all connections as a pulled cable would; returns how many ends there were."""
        for writer in (ends := tuple(self._open)):
            writer.transport.abort()
        return len(ends)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)
        self._open.add(writer)
        try:
            await self._join(reader, writer)
        finally:
            self._drop(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect to the server; where it is away the client is cut off at once."""
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
            self._open.add(far_writer)
            try:
                await self._both_ways(reader, writer, far_reader, far_writer)
            finally:
                self._drop(far_writer)

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.create_task(self._pass(*ends))
            for ends in ((reader, far_writer), (far_reader, writer))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_PIECE_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        writer.transport.abort()
