"""Waiting for what sends no event: Redis's own clock, and other processes."""

import asyncio
from collections.abc import Awaitable, Callable

_POLL_S = 0.02


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
    """Ask again and again until it holds.

    Raises:
        TimeoutError: it did not in time, seconds.
    """
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(_POLL_S)
