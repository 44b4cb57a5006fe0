"""Where a command finds Redis."""

import os
from pathlib import Path

import pytest

from services.cli import connect, state
from services.cli.folder import DataFolder
from services.cli.state import Phase, StackState
from shared.errors import SettingsError, StackNotRunning


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder.at(tmp_path)
    folder.make_password()
    return folder


def write(folder: DataFolder, phase: Phase = "ready", pid: int | None = None) -> None:
    running = StackState(
        pid=pid or os.getpid(), create_time=0, phase=phase, redis_url="redis://h:1/0", namespace="n"
    )
    state.write(folder.state, running)


def test_the_running_stack_is_found_with_its_password(folder: DataFolder) -> None:
    """A user would have to copy port, password and namespace by hand."""
    write(folder)
    found = connect.find(folder, {})
    assert (found.redis_url, found.namespace) == ("redis://h:1/0", "n")
    assert found.password == folder.read_password()
    assert found.password not in repr(found)


def test_the_environment_wins_over_the_stack(folder: DataFolder) -> None:
    """A question meant for the cluster would go to the laptop."""
    write(folder)
    environ = {"RAGSTREAM_REDIS_URL": "redis://other:2/0", "RAGSTREAM_REDIS_PASSWORD": "p"}
    found = connect.find(folder, environ)
    assert found.redis_url.startswith("redis://:p@other:2/0?")
    assert found.namespace == "rag"
    assert "other" not in repr(found)  # the URL holds the password


def test_without_a_stack_the_command_to_start_one_is_named(folder: DataFolder) -> None:
    """A new user would see a refused connection and not what to do."""
    with pytest.raises(StackNotRunning, match="ragstream up"):
        connect.find(folder, {})


def test_a_dead_supervisor_is_no_stack(folder: DataFolder) -> None:
    """The address of a stack that was killed yesterday would be tried."""
    write(folder, pid=2**22 + 1)  # above every number that Linux gives out
    with pytest.raises(StackNotRunning, match="no stack runs"):
        connect.find(folder, {})


def test_a_stack_that_is_not_ready_is_said_to_start(folder: DataFolder) -> None:
    """A question would be put while Redis has no port yet."""
    write(folder, phase="starting")
    with pytest.raises(StackNotRunning, match="starting"):
        connect.find(folder, {})


def test_an_unknown_setting_is_refused(folder: DataFolder) -> None:
    """A misspelt setting would be ignored."""
    with pytest.raises(SettingsError, match="RAGSTREAM_REDIS_ULR"):
        connect.find(folder, {"RAGSTREAM_REDIS_ULR": "x"})
