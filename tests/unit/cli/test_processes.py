"""Processes by identity: a number that was used again is never taken for the old process."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from services.cli import processes
from services.cli.processes import Identity

# Starts a child in its own session, tells its number, and sleeps.
PARENT_CODE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-c", PARENT_CODE],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        processes.end([processes.identify(process.pid)], 5)
        process.kill()


def child_of(parent: "subprocess.Popen[str]") -> int:
    assert parent.stdout is not None
    return int(parent.stdout.readline())


def test_this_process_is_alive() -> None:
    """A running supervisor would be taken for a dead one, and a second started."""
    assert processes.is_alive(processes.identify(os.getpid()))


def test_a_number_used_again_is_another_process() -> None:
    """`up` would kill a stranger that got the number of a dead part."""
    own = processes.identify(os.getpid())
    stranger = Identity(pid=own.pid, create_time=own.create_time - 3600)
    assert not processes.is_alive(stranger)
    assert not processes.end([stranger], 0.1)


def test_a_zombie_is_not_alive() -> None:
    """`down` would wait for ever where nobody reaps the dead."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    identity = processes.identify(process.pid)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped
    assert not processes.is_alive(identity)
    process.wait()


def test_a_parts_own_children_end_with_it(parent: "subprocess.Popen[str]") -> None:
    """Triton's model processes would stay behind."""
    child = processes.identify(child_of(parent))
    assert processes.end([processes.identify(parent.pid)], 5)
    assert not processes.is_alive(child)


def test_children_are_found_after_their_parent_died(parent: "subprocess.Popen[str]") -> None:
    """What a killed Triton left would hold the data folder for ever."""
    identity = processes.identify(parent.pid)
    child = processes.identify(child_of(parent))
    parent.kill()
    parent.wait()
    assert processes.end([identity], 5)
    assert not processes.is_alive(child)
