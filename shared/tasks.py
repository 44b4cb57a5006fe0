"""Tasks that are no longer needed."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_MISSED_S: Final = 0.5  # without an end, after which a cancel is taken to have been missed


async def ended(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks until they are done; what they raise is nobody's concern.

    Once may not do: redis-py sends through asyncio.wait_for, which in Python 3.11 forgets a
    cancellation that comes as the sending ends. A loop around it would go on for ever, so whoever
    is cancelled here leaves no sooner.
    """
    every, cancelled = set(tasks), None
    while left := {task for task in every if not task.done()}:
        for task in left:
            task.cancel()
        try:
            await asyncio.wait(left, timeout=_MISSED_S)
        except asyncio.CancelledError as exc:
            cancelled = exc
    await asyncio.gather(*every, return_exceptions=True)
    if cancelled:
        raise cancelled
