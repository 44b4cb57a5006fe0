"""What `up` and `down` do, for any set of parts."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import psutil

from services.cli import lock, ports, processes, state
from services.cli.folder import DataFolder
from services.cli.keeper import Rhythm
from services.cli.part import Plan
from services.cli.supervisor import Report, Supervisor
from shared.errors import StackNotRunning

# Seconds that what a killed supervisor left may take to end.
LEFT_GRACE_S = 10.0
# Seconds for a supervisor to stop: workers, Triton and Redis have 35 each.
DOWN_GRACE_S = 120.0


class Blueprint(Protocol):
    """Where the parts of a stack come from."""

    @property
    def wanted(self) -> Mapping[str, int]:
        """Port by name, 0 for any."""

    def prepare(self, report: Report) -> None:
        """Do what may take long, before anything starts."""

    def plan(self, ports: Mapping[str, int]) -> Plan:
        """The parts on these ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How a stack is run.

    Attributes:
        start_timeout_s: how long each part may take until it is ready.
        report: takes progress, a line at a time.
        on_ready: called once when all parts are ready.
        rhythm: how often to look at parts.
    """

    start_timeout_s: float
    report: Report
    on_ready: Callable[[], None]
    rhythm: Rhythm = field(default_factory=Rhythm)


def up(folder: DataFolder, blueprint: Blueprint, running: Running) -> None:
    """Run a stack in this process until it is told to stop.

    Args:
        folder: where its data goes; made if missing.
        blueprint: its parts.
        running: how long to wait, whom to tell.

    Raises:
        DataFolderError: the folder cannot be written.
        StackRunning: another stack runs on it.
        PortInUse: a port that was asked for is taken.
        StackNotRunning: a part did not start.
        SetupError: wheels or weights are missing.
    """
    folder.prepare()
    with lock.hold(folder, grace_s=LEFT_GRACE_S, report=running.report) as held:
        try:
            own = processes.identify(os.getpid())
            state.write(folder.state, state.StackState(pid=own.pid, create_time=own.create_time))
            ports.choose(blueprint.wanted)  # a taken port is said before models are built
            blueprint.prepare(running.report)
            _run_on_free_ports(folder, blueprint, running, held)
        finally:
            folder.state.unlink(missing_ok=True)


def _run_on_free_ports(
    folder: DataFolder, blueprint: Blueprint, running: Running, held: int
) -> None:
    """Run, and once more on other ports if one was taken before its part could bind it."""
    chosen = ports.choose(blueprint.wanted)
    try:
        _run(folder, blueprint.plan(chosen), running, held)
    except StackNotRunning:
        free = [port for name, port in chosen.items() if not blueprint.wanted[name]]
        if not any(ports.is_taken(port) for port in free):
            raise
        running.report("another program took a port meanwhile; trying once more on others")
        _run(folder, blueprint.plan(ports.choose(blueprint.wanted)), running, held)


def _run(folder: DataFolder, plan: Plan, running: Running, held: int) -> None:
    async def supervise() -> None:
        supervisor = Supervisor(
            plan,
            state_file=folder.state,
            log=folder.log,
            lock=held,
            report=running.report,
            rhythm=running.rhythm,
        )
        await supervisor.run(start_timeout_s=running.start_timeout_s, on_ready=running.on_ready)

    asyncio.run(supervise())


def down(folder: DataFolder, report: Report) -> bool:
    """Stop the stack on a data folder, or end what a killed supervisor left of it.

    Returns:
        Whether anything ran.
    """
    found = state.read(folder.state)
    if found is None:
        return False
    ran = _stop_supervisor(found, report)
    left = lock.end_left(folder, grace_s=LEFT_GRACE_S)
    if left:
        report(f"its supervisor was gone; ended what was left: {', '.join(left)}")
    return ran or bool(left)


def _stop_supervisor(found: state.StackState, report: Report) -> bool:
    own = lock.supervisor(found)
    if not processes.is_alive(own):
        return False
    process = psutil.Process(own.pid)
    process.send_signal(signal.SIGTERM)
    if processes.wait_gone([process], DOWN_GRACE_S):
        report(f"it did not stop within {DOWN_GRACE_S:g} s; killing it")
        process.kill()
        processes.wait_gone([process], LEFT_GRACE_S)
    return True
