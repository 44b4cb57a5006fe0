"""Processes by identity, so that a number used again is never taken for the old process."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence

import msgspec
import psutil

POLL_S = 0.05
# A step of the system's clock moves what psutil computes from it; a number is not used again
# within a second.
TOLERANCE_S = 1.0


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """One process of this machine.

    Attributes:
        pid: its number, which also names its session: each part leads its own.
        create_time: seconds since the epoch at which it began, as psutil says.
    """

    pid: int
    create_time: float


def identify(pid: int) -> Identity:
    """The identity of a process that was just started; it may have ended already."""
    try:
        return Identity(pid=pid, create_time=psutil.Process(pid).create_time())
    except psutil.Error:
        return Identity(pid=pid, create_time=time.time())


def is_alive(identity: Identity) -> bool:
    """Whether this very process still runs; a zombie does not."""
    try:
        process = psutil.Process(identity.pid)
        return _same(process, identity) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def session(identity: Identity) -> list[psutil.Process]:
    """What still runs of a part: it, and the processes that it started in its session.

    The system does not give a number to a new process while a session bears it. So members
    whose leader is gone are the part's own, and those under another leader are not.
    """
    if psutil.pid_exists(identity.pid):
        with contextlib.suppress(psutil.Error):
            if not _same(psutil.Process(identity.pid), identity):
                return []
    return [process for process in psutil.process_iter() if _is_member(process, identity)]


def end(identities: Iterable[Identity], grace_s: float) -> bool:
    """End parts and all they started: ask, wait, then kill.

    Args:
        identities: processes that lead a session of their own.
        grace_s: seconds they may take to end by themselves.

    Returns:
        Whether anything was there to end.
    """
    parts = list(identities)
    found = [process for part in parts for process in session(part)]
    _signal(found, signal.SIGTERM)
    if wait_gone(found, grace_s):
        remaining = [process for part in parts for process in session(part)]
        _signal(remaining, signal.SIGKILL)
        wait_gone(remaining, grace_s)
    return bool(found)


def wait_gone(processes: Sequence[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait until processes have ended; those that had not in time are returned."""
    deadline = time.monotonic() + timeout_s
    while left := [process for process in processes if _runs(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    return left


def holders(path: str) -> list[str]:
    """The processes that have a file open, as `name (pid)`, this one left out."""
    return [
        f"{process.name()} ({process.pid})"
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _has_open(process, path)
    ]


def _has_open(process: psutil.Process, path: str) -> bool:
    try:
        return any(file.path == path for file in process.open_files())
    except psutil.Error:
        return False


def _same(process: psutil.Process, identity: Identity) -> bool:
    return abs(process.create_time() - identity.create_time) <= TOLERANCE_S


def _is_member(process: psutil.Process, identity: Identity) -> bool:
    try:
        return os.getsid(process.pid) == identity.pid and _runs(process)
    except OSError:
        return False


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
