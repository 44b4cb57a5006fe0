"""A worker process that copies entries from `in` to `out`: all of a real one but its models.

`python -m tests.integration.toy_worker` reads the settings that every worker reads.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from shared.delivery import Stage
from shared.streams import DATA, Effect, Entry, Namespace
from shared.worker import serve, workers

GROUP = "toy"


STUCK = b"stuck"


async def copy(_entry: Entry, data: bytes, *, out: str) -> list[Effect]:
    """Hand an entry's bytes on; on one of them the work never ends."""
    if data == STUCK:
        await asyncio.Event().wait()
    return [Effect("XADD", out, ("*", DATA, data))]


def _nobody(*_: object) -> Sequence[Effect]:
    return []


async def run() -> None:
    """Serve until told to stop."""
    async with workers(GROUP) as each:
        await serve({w: [stage(w.names)] for w in each})


def stage(names: Namespace) -> Stage[bytes]:
    """The one stage of a namespace."""

    def decode(entry: Entry) -> bytes:
        return entry.data or b""

    return Stage(names.key("in"), GROUP, decode, partial(copy, out=names.key("out")), _nobody)


if __name__ == "__main__":
    asyncio.run(run())
