"""One stack on one data folder, held by the kernel.

The supervisor locks a file and every process that it starts inherits the lock. So the lock is
free exactly when nothing of a stack runs any more, whoever was killed, and two Redis servers
can never write the same files.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator

from services.cli import processes, state
from services.cli.folder import OWNER_ONLY, DataFolder
from services.cli.processes import Identity
from shared.errors import StackRunning

POLL_S = 0.05


@contextlib.contextmanager
def hold(folder: DataFolder, *, grace_s: float, report: Callable[[str], None]) -> Iterator[int]:
    """Own the data folder, after ending what a killed supervisor left in it.

    Args:
        folder: a prepared data folder.
        grace_s: seconds that left processes may take to end.
        report: is told what was left.

    Yields:
        The lock's file descriptor, for children to inherit.

    Raises:
        StackRunning: a supervisor runs on this folder, or processes that none wrote down.
    """
    number = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    try:
        if not _try_lock(number):
            _refuse_second(folder)
            if left := end_left(folder, grace_s=grace_s):
                report(f"ended what a killed supervisor had left: {', '.join(left)}")
            _wait_lock(number, folder, grace_s)
        yield number
    finally:
        os.close(number)


def end_left(folder: DataFolder, *, grace_s: float) -> list[str]:
    """End the parts whose supervisor is gone, workers first and Redis last; forget them.

    Returns:
        The names of the parts that still ran.
    """
    left = state.read(folder.state)
    if left is None or processes.is_alive(supervisor(left)):
        return []
    ended = [part.name for part in reversed(left.parts) if _end_part(part, grace_s)]
    folder.state.unlink(missing_ok=True)
    return ended


def supervisor(found: state.StackState) -> Identity:
    """The identity of the process that wrote a state."""
    return Identity(pid=found.pid, create_time=found.create_time)


def _end_part(part: state.PartState, grace_s: float) -> bool:
    if part.pid is None:
        return False
    return processes.end([Identity(pid=part.pid, create_time=part.create_time)], grace_s)


def _refuse_second(folder: DataFolder) -> None:
    found = state.read(folder.state)
    if found and processes.is_alive(supervisor(found)):
        raise StackRunning(
            f"a stack already runs on {folder.path} (process {found.pid}); "
            "see it with `ragstream status`, stop it with `ragstream down`, "
            "or start another one on other data with --data-dir"
        )


def _try_lock(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_lock(number: int, folder: DataFolder, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not _try_lock(number):
        _refuse_second(folder)
        if time.monotonic() > deadline:
            held = ", ".join(processes.holders(str(folder.lock))) or "processes of another user"
            raise StackRunning(f"{folder.path} is still in use by {held}; end them and try again")
        time.sleep(POLL_S)
