"""A worker process that copies entries from `in` to `out`: all of a real one but its models.

`python -m tests.integration.toy_worker` reads the settings that every worker reads.
"""

import asyncio
from collections.abc import Sequence

from shared.delivery import Stage
from shared.streams import DATA, Effect, Entry
from shared.worker import serve, worker

GROUP = "toy"


async def copy(_entry: Entry, data: bytes, *, out: str) -> list[Effect]:
    """Hand an entry's bytes on."""
    return [Effect("XADD", out, ("*", DATA, data))]


def _nobody(*_: object) -> Sequence[Effect]:
    return []


async def run() -> None:
    """Serve until told to stop."""
    async with worker(GROUP) as w:

        async def handle(entry: Entry, data: bytes) -> list[Effect]:
            return await copy(entry, data, out=w.names.key("out"))

        def decode(entry: Entry) -> bytes:
            return entry.data or b""

        stage = Stage(w.names.key("in"), GROUP, decode, handle, _nobody)
        await serve(w, [stage])


if __name__ == "__main__":
    asyncio.run(run())
