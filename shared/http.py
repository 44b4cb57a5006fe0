"""A worker's HTTP server: its health and its metrics, and nothing to do in between."""

import asyncio
import logging
from types import FrameType
from typing import Any

import uvicorn


async def serve(app: Any, host: str, port: int) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; its life lasts as long as the server's.

    Args:
        app: with a lifespan.
        host: address to listen on.
        port: likewise.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        log_level=logging.INFO,
        date_header=False,  # written anew with each of the looks that are left out here
    )
    await _QuietServer(config).serve()


class _QuietServer(uvicorn.Server):
    """uvicorn, told by the signal itself that it is to end.

    It looks for that ten times a second: the idle workers beside a model on the same processors
    interrupted each of its steps.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn."""
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Wait. The first tick sets the headers of all responses."""
        if not await self.on_tick(0):
            await self._told.wait()
