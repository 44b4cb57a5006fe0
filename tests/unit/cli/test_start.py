"""What a command loads before it does anything: nobody should wait for what they don't use."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.main import cli, load

LOADED = """
import sys
from services.cli.main import cli

cli(sys.argv[1:], standalone_mode=False)
print(*sys.modules)
"""
SERVERS = {"faststream", "grpc", "numpy", "starlette", "structlog", "tritonclient", "uvicorn"}
CLIENTS = {"pydantic", "redis"}


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        ("--help", SERVERS | CLIENTS),
        ("ask --help", SERVERS | CLIENTS),
        ("env", SERVERS | {"redis"}),
        ("logs redis", SERVERS | {"redis"}),
        ("ask ?", SERVERS),
        ("documents list", SERVERS),
        ("status", SERVERS),
    ],
)
def test_a_command_loads_what_it_uses(words: str, unused: set[str], tmp_path: Path) -> None:
    """Every command would wait for the libraries of all others: most of a second."""
    nowhere = {"RAGSTREAM_REDIS_URL": "redis://127.0.0.1:1", "RAGSTREAM_STACK_DATA_DIR": "none"}
    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", LOADED, *words.split()],
        env={"PYTHONPATH": str(Path(__file__).parents[3]), **nowhere},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert "services.cli.main" in loaded
    assert loaded & unused == set()


@pytest.mark.parametrize("name", cli.commands)
def test_a_command_is_called_as_it_is_listed(name: str) -> None:
    """`ragstream --help` would show a command that cannot be called."""
    assert load(name).name == name
