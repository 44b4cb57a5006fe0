"""The whole stack for tests, started and stopped by the command that users start it with."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from shared.client import RagstreamClient
from shared.redis_url import full_url

EXAMPLES = Path(__file__).parents[1] / "examples" / "documents"
COMMAND = (sys.executable, "-m", "services.cli.main")
LONGEST_S = 180


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack and how to reach it.

    Attributes:
        folder: its data folder.
        variables: the settings that it was started with.
    """

    folder: Path
    variables: Mapping[str, str]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `ragstream` with these words, as a user would."""
        return run(
            *words, variables={**self.variables, "RAGSTREAM_STACK_DATA_DIR": str(self.folder)}
        )

    def state(self) -> Any:
        """What the supervisor wrote about its parts."""
        return json.loads((self.folder / "state.json").read_text("utf-8"))

    def pid(self, part: str) -> int:
        """Process of a part, as it is now."""
        return next(int(row["pid"]) for row in self.state()["parts"] if row["name"] == part)

    def port(self, part: str) -> int:
        """Port of a part."""
        return next(int(row["port"]) for row in self.state()["parts"] if row["name"] == part)

    def client(self) -> RagstreamClient:
        """A client of the library."""
        return RagstreamClient(self.state()["redis_url"], password=self._password())

    def redis(self) -> Any:
        """A plain Redis client, as an upstream system in any language has one."""
        return redis.Redis.from_url(full_url(self.state()["redis_url"], self._password()))

    def _password(self) -> str:
        return (self.folder / "redis-password").read_text("utf-8").strip()


def run(*words: str, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run `ragstream` with these words and no settings but these."""
    clean = {name: v for name, v in os.environ.items() if not name.startswith("RAGSTREAM_")}
    return subprocess.run(  # noqa: S603 - our own command line
        [*COMMAND, *words],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


@contextmanager
def running_stack(folder: Path, variables: Mapping[str, str]) -> Iterator[Stack]:
    """Run the stack until the block ends."""
    stack = Stack(folder, variables)
    started = stack.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    try:
        yield stack
    finally:
        stopped = stack.run("down")
        assert stopped.returncode == 0, stopped.stderr
