"""state.json: what one command writes, the others read."""

import stat
from pathlib import Path

import pytest

from services.cli import state
from services.cli.state import PartState, StackState

STATE = StackState(
    pid=7,
    create_time=1.5,
    phase="ready",
    redis_url="redis://127.0.0.1:1/0",
    parts=(PartState(name="redis", pid=8, create_time=2.5, state="ready", port=1),),
)


def test_a_state_survives_the_round_trip(tmp_path: Path) -> None:
    """`down` would not find the processes that `up` wrote down."""
    state.write(tmp_path / "state.json", STATE)
    assert state.read(tmp_path / "state.json") == STATE
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_a_field_of_a_later_version_is_ignored(tmp_path: Path) -> None:
    """A stack started by a newer version could not be stopped by this one."""
    (tmp_path / "state.json").write_text('{"pid": 1, "create_time": 2.0, "later": []}')
    assert state.read(tmp_path / "state.json") == StackState(pid=1, create_time=2.0)


@pytest.mark.parametrize("content", ["", "{", '{"pid": "x"}'])
def test_what_is_no_state_means_that_nothing_runs(tmp_path: Path, content: str) -> None:
    """A damaged file would stop every command with a traceback."""
    (tmp_path / "state.json").write_text(content)
    assert state.read(tmp_path / "state.json") is None
    assert state.read(tmp_path / "missing") is None
