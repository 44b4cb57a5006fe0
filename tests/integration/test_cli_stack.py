"""The supervisor, with a real Redis and real processes: what runs, what dies, what is left."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import redis

from services.cli import detach, processes, stack, state, view
from services.cli.folder import DataFolder
from services.cli.part import Plan
from services.cli.state import PartState, StackState
from shared.errors import StackNotRunning, StackRunning
from tests.integration.toy_stack import DIES, FAST, NEVER_READY, STUBBORN, ToyStack

DEADLINE_S = 20.0
POLL_S = 0.02
TOY = (sys.executable, "-m", "tests.integration.toy_stack")


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(POLL_S)


def users(folder: DataFolder) -> list[psutil.Process]:
    """All processes that hold the data folder's lock: every one of its stack."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(file.path == str(folder.lock) for file in process.open_files()):
                found.append(process)
    return found


class Toy:
    """Toy stacks on one data folder."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, broken: str = "") -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([*TOY, str(self.folder.path), broken], stderr=subprocess.PIPE)  # noqa: S603 - our own command line
        self._started.append(process)
        return process

    def up(self, broken: str = "") -> "subprocess.Popen[bytes]":
        process = self.start(broken)
        until(lambda: self.state(process.pid) is not None, "the stack is ready")
        return process

    def state(self, pid: int | None = None) -> StackState | None:
        found = state.read(self.folder.state)
        wanted = found and found.phase == "ready" and pid in {None, found.pid}
        return found if wanted else None

    def part(self, name: str) -> PartState:
        found = state.read(self.folder.state)
        assert found is not None
        return next(part for part in found.parts if part.name == name)

    def redis(self) -> redis.Redis:
        found = self.state()
        assert found is not None
        return redis.Redis.from_url(found.redis_url, password=self.folder.read_password())

    def clean(self) -> None:
        for process in users(self.folder):
            with contextlib.suppress(psutil.Error):
                process.kill()
        for started in self._started:
            started.kill()
            started.communicate()


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    toy = Toy(DataFolder.at(tmp_path / "data"))
    yield toy
    toy.clean()


def phase(toy: Toy) -> str:
    found = state.read(toy.folder.state)
    return found.phase if found else "stopped"


def has_pid(toy: Toy, name: str) -> bool:
    found = state.read(toy.folder.state)
    return found is not None and any(p.name == name and p.pid for p in found.parts)


def errors(process: "subprocess.Popen[bytes]") -> str:
    return process.communicate(timeout=DEADLINE_S)[1].decode()


def test_ctrl_c_stops_all_parts_in_order_and_keeps_the_data(toy: Toy) -> None:
    """Processes would stay behind, or what Redis accepted would be lost."""
    process = toy.up()
    with toy.redis() as client:
        client.set("kept", "yes")
    process.send_signal(signal.SIGINT)
    said = errors(process)
    assert process.returncode == 0
    assert said.index("stopping worker") < said.index("stopping model") < said.index("stopping red")
    assert users(toy.folder) == []
    assert not toy.folder.state.exists()
    toy.up()
    with toy.redis() as client:
        assert client.get("kept") == b"yes"


def test_every_part_has_a_log_and_a_process_that_is_written_down(toy: Toy) -> None:
    """`logs` and `status` would show nothing."""
    toy.up()
    for name in ("redis", "model", "worker"):
        assert psutil.pid_exists(toy.part(name).pid or 0)
        assert toy.folder.log(name).stat().st_size > 0


def test_redis_lets_nobody_in_without_the_password(toy: Toy) -> None:
    """Every user of the machine could read the documents."""
    toy.up()
    found = toy.state()
    assert found is not None
    with redis.Redis.from_url(found.redis_url) as stranger, pytest.raises(redis.RedisError):
        stranger.ping()
    with toy.redis() as client:
        settings = client.config_get("appendonly", "appendfsync", "maxmemory-policy", "bind")
    assert list(settings.values()) != []
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["bind"] == "127.0.0.1"


def test_a_second_up_on_the_same_data_is_refused(toy: Toy) -> None:
    """Two Redis servers would write the same files."""
    toy.up()
    second = toy.start()
    said = errors(second)
    assert second.returncode == StackRunning.exit_code
    assert "ragstream down" in said
    assert toy.state() is not None


def test_of_two_ups_at_once_one_is_refused(toy: Toy) -> None:
    """Between the start of a stack and its first written state there would be a gap."""
    both = [toy.start(), toy.start()]
    until(lambda: any(process.poll() is not None for process in both), "one gives up")
    (refused,) = [process for process in both if process.poll() is not None]
    assert refused.returncode == StackRunning.exit_code
    until(lambda: toy.state() is not None, "the other is ready")


def test_a_second_ctrl_c_does_not_wait(toy: Toy) -> None:
    """A part that hangs would hold the terminal for its whole grace."""
    process = toy.up(broken=STUBBORN)
    process.send_signal(signal.SIGINT)
    until(lambda: phase(toy) == "stopping", "the first Ctrl-C is seen")
    process.send_signal(signal.SIGINT)
    assert "stopping redis" in errors(process)  # the grace is longer than this waits
    assert users(toy.folder) == []


def test_down_stops_a_stack_that_still_starts(toy: Toy) -> None:
    """A start that hangs could only be killed."""
    process = toy.start(broken=NEVER_READY)
    until(lambda: has_pid(toy, "worker"), "the last part is started")
    assert stack.down(toy.folder, lambda _line: None)
    assert process.wait(DEADLINE_S) == 0
    assert users(toy.folder) == []


def test_a_part_that_is_not_ready_in_time_fails_the_start(toy: Toy) -> None:
    """`up --detach` would wait for ever."""
    running = stack.Running(
        start_timeout_s=1, report=lambda _line: None, on_ready=lambda: None, rhythm=FAST
    )
    with pytest.raises(StackNotRunning, match=r"worker was not ready within 1 s \(/readyz: "):
        stack.up(toy.folder, ToyStack(toy.folder, NEVER_READY), running)
    assert users(toy.folder) == []


@pytest.mark.parametrize("name", ["redis", "worker"])
def test_a_part_that_is_killed_is_started_again(toy: Toy, name: str) -> None:
    """One crash would end the service until somebody looks."""
    toy.up()
    before = toy.part(name)
    os.kill(before.pid or 0, signal.SIGKILL)
    until(lambda: toy.part(name).restarts == 1 and toy.part(name).state == "ready", "a new life")
    assert toy.part(name).pid != before.pid


def test_a_killed_supervisors_parts_are_replaced_by_the_next_up(toy: Toy) -> None:
    """A second Redis would run beside the one that was left, on the same files."""
    first = toy.up()
    left = [process for process in users(toy.folder) if process.pid != first.pid]
    first.kill()
    first.wait()
    assert [part.state for part in view.look(toy.folder).parts] == ["left"] * 3
    toy.up()
    assert processes.wait_gone(left, timeout_s=0) == []
    assert len(left) == 5  # redis, and two processes each of the others


def test_down_stops_the_stack_and_leaves_no_process(toy: Toy) -> None:
    """A laptop would go on burning for a stack that was stopped."""
    process = toy.up()
    assert stack.down(toy.folder, lambda _line: None)
    assert process.wait(DEADLINE_S) == 0
    assert users(toy.folder) == []
    assert not stack.down(toy.folder, lambda _line: None)


def test_down_ends_what_a_killed_supervisor_left(toy: Toy) -> None:
    """The parts of a killed supervisor could only be found with `ps`."""
    process = toy.up()
    process.kill()
    process.wait()
    said: list[str] = []
    assert stack.down(toy.folder, said.append)
    assert said == ["its supervisor was gone; ended what was left: worker, model, redis"]
    assert users(toy.folder) == []


def test_a_part_that_cannot_start_fails_the_start_with_its_last_words(toy: Toy) -> None:
    """The operator would wait for a time-out, and then look for the reason."""
    process = toy.start(broken=DIES)
    said = errors(process)
    assert process.returncode == 6
    assert "worker exited with status 9" in said
    assert "| no model: the sky is too low" in said
    assert str(toy.folder.log("worker")) in said
    assert users(toy.folder) == []


def test_up_in_the_background_returns_when_ready_and_echoes_progress(toy: Toy) -> None:
    """`up --detach && ask` would ask before anything can answer."""
    toy.folder.prepare()
    said: list[str] = []
    assert detach.start(toy.folder, [*TOY, str(toy.folder.path)], said.append) == 0
    assert toy.state() is not None
    assert "starting redis" in said
    assert stack.down(toy.folder, said.append)


def test_up_in_the_background_hands_on_the_reason_of_a_failure(toy: Toy) -> None:
    """A failed start would look like a good one."""
    toy.folder.prepare()
    said: list[str] = []
    argv = [*TOY, str(toy.folder.path), DIES]
    assert detach.start(toy.folder, argv, said.append) == 6
    assert any("the sky is too low" in line for line in said)
    assert users(toy.folder) == []


@dataclass(frozen=True, kw_only=True)
class Robbed:
    """A toy stack whose worker loses its port, once, between the choice and the start."""

    toy: ToyStack
    thieves: list[socket.socket] = field(default_factory=list)

    @property
    def wanted(self) -> dict[str, int]:
        return self.toy.wanted

    def prepare(self, report: Callable[[str], None]) -> None:
        self.toy.prepare(report)

    def plan(self, ports: Mapping[str, int]) -> Plan:
        if not self.thieves:
            self.thieves.append(socket.create_server(("127.0.0.1", ports["worker"])))
        return self.toy.plan(ports)


def test_a_port_lost_to_another_program_is_tried_once_more(toy: Toy) -> None:
    """A start would fail by chance, when another program takes a free port first."""
    robbed = Robbed(toy=ToyStack(toy.folder))
    said: list[str] = []

    def stop() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    running = stack.Running(start_timeout_s=5, report=said.append, on_ready=stop, rhythm=FAST)
    try:
        stack.up(toy.folder, robbed, running)
    finally:
        for thief in robbed.thieves:
            thief.close()
    assert "another program took a port meanwhile; trying once more on others" in said
    assert "worker is ready" in " ".join(said)
    assert users(toy.folder) == []
