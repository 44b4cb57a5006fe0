"""What newcomers do wrong: each mistake is told with its cause and what to do."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli import launch, state
from services.cli.ask import patiently
from services.cli.folder import DataFolder
from services.cli.hints import hint
from services.cli.main import cli
from services.cli.session import Session
from services.cli.settings_table import KINDS, MODELS
from services.cli.state import StackState
from services.generator.settings import GeneratorSettings
from shared.errors import SettingsError
from shared.messages import Answer
from shared.settings import PARTS, CommonSettings, Settings, StackSettings, load

ELSEWHERE = {"RAGSTREAM_REDIS_URL": "redis://nowhere:1/0"}


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, obj=Session(environ=ELSEWHERE))


def test_a_question_without_quotes_is_shown_with_them() -> None:
    """`ask Which data sets were used?` would say that `data` is one argument too many."""
    result = run("ask", "Which", "data", "sets?")
    assert result.exit_code == 2
    assert 'put the question in quotes: ragstream ask "Which data sets?"' in result.stderr


@pytest.mark.parametrize("words", [[], [""], ["  "]])
def test_an_empty_question_is_refused_at_once(words: list[str]) -> None:
    """It would go through a worker to come back as a failure, and leave a dead letter."""
    result = run("ask", *words)
    assert result.exit_code == 2
    assert "the question is empty" in result.stderr


@pytest.mark.parametrize(
    ("kind", "wrong", "meant"),
    [
        (CommonSettings, "RAGSTREAM_REDIS_ULR", "RAGSTREAM_REDIS_URL"),
        (StackSettings, "RAGSTREAM_STACK_REDIS_PROT", "RAGSTREAM_STACK_REDIS_PORT"),
        (
            CommonSettings,
            "RAGSTREAM_GENRATOR_ANSWER_TOKENS",
            "RAGSTREAM_GENERATOR_ANSWER_TOKENS",
        ),
        (
            GeneratorSettings,
            "RAGSTREAM_GENERATOR_ANSWR_TOKENS",
            "RAGSTREAM_GENERATOR_ANSWER_TOKENS",
        ),
    ],
)
def test_a_misspelt_setting_is_told_with_its_neighbour(
    kind: type[Settings], wrong: str, meant: str
) -> None:
    """The list of thirty names would be read for the one that was meant."""
    with pytest.raises(SettingsError, match=rf"setting {wrong}: did you mean {meant}\?"):
        load(kind, {wrong: "1"})


def test_a_strange_setting_is_told_without_a_guess() -> None:
    """A far-fetched guess would lead away from the mistake."""
    with pytest.raises(SettingsError, match=r"unknown setting RAGSTREAM_BANANA; docs/settings\.md"):
        load(CommonSettings, {"RAGSTREAM_BANANA": "1"})


@pytest.mark.parametrize(
    ("kind", "name", "value", "said"),
    [
        (CommonSettings, "RAGSTREAM_REDIS_URL", "localhost:6379", "as redis://"),
        (CommonSettings, "RAGSTREAM_LOG_LEVEL", "debug", "DEBUG, INFO"),
        (StackSettings, "RAGSTREAM_STACK_REDIS_PORT", "99999", "must be less than or equal to"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_right(
    kind: type[Settings], name: str, value: str, said: str
) -> None:
    """A person would be shown a regular expression."""
    with pytest.raises(SettingsError, match=f"{name} .*{said}") as error:
        load(kind, {name: value})
    assert "pattern" not in str(error.value)


def test_every_part_with_settings_is_known_to_the_others() -> None:
    """A setting of a reranker, say, would keep every worker from starting."""
    prefixes = {kind.prefix for kind in KINDS.values()} - {CommonSettings.prefix}
    prefixes |= {f"RAGSTREAM_TRITON_{model.upper()}_" for model in MODELS.values()}
    assert prefixes <= {f"RAGSTREAM_{part}_" for part in PARTS}


def test_a_workers_setting_is_checked_before_anything_starts() -> None:
    """Models would be built and Triton started, for minutes, before it is said."""
    with pytest.raises(SettingsError, match="RAGSTREAM_GENERATOR_ANSWER_TOKENS must be"):
        launch.check_settings({"RAGSTREAM_GENERATOR_ANSWER_TOKENS": "0"})


def test_a_redis_that_is_away_is_told_with_where_it_was_looked_for() -> None:
    """Who once set a URL would look for the fault in the local stack."""
    assert "RAGSTREAM_REDIS_URL" in hint("redis_unavailable", ELSEWHERE)
    assert "`ragstream status`" in hint("redis_unavailable", {})
    assert hint("no_text", {}) == ""


async def test_a_long_wait_is_not_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer would take a slow machine for one that hangs."""
    come = asyncio.Event()

    async def asked() -> Answer:
        await come.wait()
        return Answer(query_id="q", status="answered")

    waiting = asyncio.create_task(patiently(asked(), patience_s=0))
    async with asyncio.timeout(10):
        while not (said := capsys.readouterr().err):  # noqa: ASYNC110 - a print sends no event
            await asyncio.sleep(0)
    come.set()
    assert (await waiting).query_id == "q"
    assert "--stream" in said


def test_the_stack_is_handed_to_a_shell(tmp_path: Path) -> None:
    """Port and password would be pieced together from two files."""
    folder = DataFolder.at(tmp_path)
    folder.make_password()
    running = StackState(pid=os.getpid(), create_time=0, phase="ready", redis_url="redis://h:1/0")
    state.write(folder.state, running)
    result = run("env", "--data-dir", str(tmp_path))
    assert result.stdout.splitlines() == [
        "export RAGSTREAM_REDIS_URL=redis://h:1/0",
        f"export RAGSTREAM_REDIS_PASSWORD={folder.read_password()}",
        "export RAGSTREAM_NAMESPACE=rag",
        f"export REDISCLI_AUTH={folder.read_password()}",
    ]


@pytest.mark.parametrize("slow", ["click", "redis"])
def test_ctrl_c_while_the_command_still_loads_is_no_traceback(slow: str, tmp_path: Path) -> None:
    """Loading takes a second on a slow machine: a hasty Ctrl-C would end in thirty lines."""
    package = tmp_path / slow
    package.mkdir()
    (package / "__init__.py").write_text(
        "print('loading', flush=True)\nimport time\ntime.sleep(60)"
    )
    # tests that run in a shell's background were told to ignore Ctrl-C, and would hand that on
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heeds}; from services.cli.command import main; main()"
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", code, "status"],
        env={**os.environ, **ELSEWHERE, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "error: interrupted\n")
