"""Tasks that are no longer needed."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_MISSED_S: Final = 0.5  # without an end, after which a cancel is taken to have been missed


async def ended(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks until they are done; what they raise is nobody's concern.

    Once may not do: redis-py sends through asyncio.wait_for, which in Python 3.11 forgets a
    cancellation that comes as the sending ends. A loop around it would go on for ever.
    """
    every = left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_MISSED_S)
    await asyncio.gather(*every, return_exceptions=True)
