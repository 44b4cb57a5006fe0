"""Ends a part's process and all that it started."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process


async def end(process: Process, grace_s: float, hurry: asyncio.Event) -> None:
    """SIGTERM, and after the grace SIGKILL, to the part and all that it started.

    Args:
        process: leads a session of its own.
        grace_s: seconds between the two; over at once when `hurry` is set.
        hurry: may be set at any time.
    """
    ended = asyncio.ensure_future(process.wait())
    hurried = asyncio.ensure_future(hurry.wait())
    try:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait({ended, hurried}, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        kill_session(process.pid)
        await ended
    finally:
        hurried.cancel()
        ended.cancel()


def kill_session(pid: int) -> None:
    """Kill what is left in the session that a process leads or led: it is its group, too."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
