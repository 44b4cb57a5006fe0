"""A system under measurement: an asker in a process of its own, and all processes behind it."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from shared.errors import SetupError
from tests.redis_server import stop

_PEERS = Path(__file__).parents[1] / "peers"
FLOOR = (sys.executable, "-m", "benchmarks.asking.floor")
OURS = (sys.executable, "-m", "benchmarks.asking.ours")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One answer; times in seconds of one clock.

    Attributes:
        asked_s: when the question was asked.
        first_s: when the first token came.
        done_s: when the answer was there.
        new_tokens: that the model wrote, as far as the system tells.
        prompt_tokens: that it read, where the system tells.
        prompt: what it read, where the system shows it.
        stages_ms: milliseconds waited and worked, by stage, where the system tells.
    """

    asked_s: float
    first_s: float
    done_s: float
    new_tokens: int
    prompt_tokens: int = 0
    prompt: str = ""
    stages_ms: dict[str, tuple[float, float]] = {}


class _Line(msgspec.Struct):
    ready: bool = False
    answered: str = ""
    outcomes: list[Outcome] = []


_decode = msgspec.json.Decoder(_Line).decode


def script(python: str, name: str) -> tuple[str, ...]:
    """The command of a peer's program."""
    return python, str(_PEERS / name)


@dataclass(frozen=True)
class Program:
    """A running system.

    Attributes:
        name: as the table has it.
        process: of the asker.
        roots: process ids of everything else that serves it, without their children.
        log: what it said.
        models_s: seconds in which its models computed until now, where somebody else can tell.
    """

    name: str
    process: "subprocess.Popen[str]"
    roots: Sequence[int]
    log: Path
    models_s: Callable[[], float] = lambda: 0.0

    def ask(self, questions: Sequence[str], clients: int) -> list[Outcome]:
        """Ask all questions, at most so many at a time.

        Raises:
            SetupError: the program ended.
        """
        self._write({"questions": questions, "clients": clients})
        return self._read().outcomes

    def ask_each(self, questions: Sequence[str], clients: int) -> Iterator[str]:
        """The same, but gives each question's text as soon as it is answered, until all are.

        It just ends where the program does.
        """
        self._write({"questions": questions, "clients": clients, "each": True})
        assert self.process.stdout  # noqa: S101 - opened below
        for line in self.process.stdout:
            found = _decode(line)
            if found.outcomes:
                return
            yield found.answered

    def wait_ready(self) -> None:
        """Wait until it can answer.

        Raises:
            SetupError: the program ended.
        """
        self._read()

    def _write(self, line: dict[str, Any]) -> None:
        assert self.process.stdin  # noqa: S101 - opened below
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def _read(self) -> _Line:
        assert self.process.stdout  # noqa: S101 - opened below
        if line := self.process.stdout.readline():
            return _decode(line)
        said = self.log.read_text(errors="replace")[-3000:]
        raise SetupError(f"{self.name} ended:\n{said}")

    def processes(self) -> list[psutil.Process]:
        """All that serve it, the asker among them."""
        roots = [psutil.Process(pid) for pid in (self.process.pid, *self.roots)]
        return [one for root in roots for one in (root, *root.children(recursive=True))]

    def cpu_s(self) -> float:
        """Processor seconds until now."""
        return sum(sum(one.cpu_times()[:2]) for one in self.processes())

    def memory_bytes(self) -> int:
        """Proportional set size."""
        return sum(one.memory_full_info().pss for one in self.processes())


@contextlib.contextmanager
def running(
    name: str,
    argv: Sequence[str],
    setup: dict[str, Any],
    folder: Path,
    roots: Sequence[int] = (),
) -> Iterator[Program]:
    """Start an asker, wait until it can answer, stop it afterwards.

    Args:
        name: see `Program`.
        argv: its command line, before the file of its setup.
        setup: what it must know.
        folder: for that file and its log.
        roots: see `Program`.
    """
    file, log = folder / f"{name}.json", folder / f"{name}.log"
    file.write_text(json.dumps(setup))
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*argv, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    try:
        found = Program(name, process, roots, log)
        found.wait_ready()
        yield found
    finally:
        stop(process)  # type: ignore[arg-type] # text or bytes is all the same to it
