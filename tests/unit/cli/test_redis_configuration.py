"""Redis's configuration, as text."""

import os
from pathlib import Path

import pytest

from services.cli.redis import command, configuration, program
from shared.errors import SetupError


def test_the_password_stands_on_no_command_line(tmp_path: Path) -> None:
    """Every user of the machine could read it with `ps`."""
    argv = command(tmp_path / "redis", 1234, password="of-the-test")  # noqa: S106 - no server has it
    assert not any("of-the-test" in word for word in argv)
    assert (tmp_path / "redis" / "redis.conf").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "line",
    [
        "bind 127.0.0.1",
        "protected-mode yes",
        "appendonly yes",
        "appendfsync everysec",
        "maxmemory-policy noeviction",
        'requirepass "a b\\"c"',
        'dir "/da ta"',
        'loadmodule "/x/redisearch.so" UNION_ITERATOR_HEAP 1 FORK_GC_CLEAN_THRESHOLD 1',
    ],
)
def test_the_configuration_keeps_data_and_strangers_out(line: str) -> None:
    """Accepted questions could be lost or evicted, or a stranger could connect."""
    written = configuration(Path("/da ta"), 1, 'a b"c', [Path("/x/redisearch.so")])
    assert line in written.splitlines()


def test_a_missing_wheel_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    """The user would see that some path does not exist."""
    with pytest.raises(SetupError, match=r"no-such-wheel.*pip install 'ragstream\[local\]'"):
        program("no_such_wheel", "bin/x", tmp_path)


def test_a_program_that_lost_its_run_bit_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis could not be started from wheels that were unpacked without their modes."""
    wheel = tmp_path / "site" / "toy_wheel"
    wheel.mkdir(parents=True)
    (wheel / "__init__.py").touch()
    (wheel / "server").write_text("#!/bin/sh\n")
    (wheel / "server").chmod(0o444)
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = program("toy_wheel", "server", tmp_path)
    assert found == tmp_path / "bin" / "server"
    assert os.access(found, os.X_OK)
    assert not (wheel / "server").stat().st_mode & 0o111
