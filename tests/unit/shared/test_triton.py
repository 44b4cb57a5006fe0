"""The connection to Triton, without Triton."""

import asyncio
from contextlib import suppress

from shared.errors import TritonUnavailable
from shared.triton import Triton


async def test_a_triton_that_is_away_is_looked_for_again_and_again() -> None:
    """After an outage of minutes a worker would not see that Triton is back, for minutes."""
    knocks = asyncio.Semaphore(0)

    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.release()
        writer.close()

    async def ask(triton: Triton) -> None:
        while True:
            with suppress(TritonUnavailable):
                await triton.require(["embedder"])
            await asyncio.sleep(0.02)

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    triton = Triton(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    asking = asyncio.create_task(ask(triton))
    async with asyncio.timeout(10):  # gRPC's own waits add up to three times as much
        for _ in range(8):
            await knocks.acquire()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await triton.close()
    server.close()
