"""What an operator must put right: one line on stderr, an exit code of its own, no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.folder import DataFolder

RAGSTREAM = (sys.executable, "-m", "services.cli.main")


def run(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAGSTREAM_")}
    return subprocess.run(  # noqa: S603 - our own command line
        [*RAGSTREAM, *words],
        env={**env, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_explained(done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert all(word in line for word in words), line


@pytest.mark.parametrize(("part", "detach"), [("redis", []), ("triton", ["--detach"])])
def test_a_port_in_use_is_named(tmp_path: Path, part: str, detach: list[str]) -> None:
    """The operator would see a server that dies, and not why; or wait for models first."""
    setting = f"RAGSTREAM_STACK_{part.upper()}_PORT"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("up", *detach, "--data-dir", str(tmp_path / "data"), **{setting: port})
    assert_explained(done, 4, port, setting, f"process {os.getpid()}")
    assert not DataFolder.at(tmp_path / "data").state.exists()


@pytest.mark.parametrize(("place", "detach"), [("file", ["--detach"]), ("/proc/ragstream", [])])
def test_a_data_folder_that_cannot_be_written_is_named(
    tmp_path: Path, place: str, detach: list[str]
) -> None:
    """Parts would die one by one, each with words of its own.

    Tests may run as root, whom permission bits do not stop: a file in the folder's place and
    /proc, which nobody can write, stand for it.
    """
    (tmp_path / "file").touch()
    folder = str(tmp_path / place)
    assert_explained(run("up", *detach, "--data-dir", folder), 3, folder, "--data-dir")


@pytest.mark.parametrize("words", [["up"], ["worker", "retriever"]])
def test_a_misspelt_setting_is_named(tmp_path: Path, words: list[str]) -> None:
    """A setting with a typing mistake would be ignored."""
    wrong = {"RAGSTREAM_STACK_REDIS_PROT": "1", "RAGSTREAM_REDIS_ULR": "redis://x"}
    own = {**wrong, "RAGSTREAM_STACK_DATA_DIR": str(tmp_path)}
    assert_explained(run(*words, **own), 2, "unknown setting RAGSTREAM_")
