"""What a measurement must say of the machine it ran on, and what else kept it busy."""

import os
import platform
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import msgspec
import psutil


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where figures come from.

    Attributes:
        cpu: its name.
        cores: that this process may use.
        memory_bytes: of the machine.
        system: kernel and Python.
        versions: of what took part, by name.
    """

    cpu: str
    cores: int
    memory_bytes: int
    system: str
    versions: dict[str, str]


class Busy(msgspec.Struct, frozen=True, kw_only=True):
    """Cores kept busy during a measurement, as a number of cores.

    Attributes:
        measured: by the server under load.
        idle: by the servers that wait for their turn: should be near 0.
        client: by this process.
        others: by everything else on the machine: where it is not near 0, do not trust the figures.
    """

    measured: float
    idle: float
    client: float
    others: float


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds up to a moment; see `Busy` for the shares."""

    at_s: float
    machine_s: float
    client_s: float
    programs_s: dict[str, float]


def describe(packages: Sequence[str]) -> Machine:
    """This machine and the installed versions of some packages."""
    return Machine(
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.platform()}, Python {platform.python_version()}",
        versions={package: metadata.version(package) for package in packages},
    )


def memory_bytes(program: str) -> int:
    """Proportional set size of this process's children of a name, and of their children."""
    return sum(process.memory_full_info().pss for process in _processes(program))


def times(programs: Sequence[str]) -> Times:
    """CPU seconds of the machine, this process and its children of some names until now."""
    whole, own = psutil.cpu_times(), psutil.Process().cpu_times()
    return Times(
        at_s=time.monotonic(),
        machine_s=sum(whole) - whole.idle - whole.iowait - whole.guest - whole.guest_nice,
        client_s=own.user + own.system,
        programs_s={name: _cpu_seconds(name) for name in programs},
    )


def busy(before: Times, after: Times, program: str) -> Busy:
    """Who used the machine between two moments while one program was measured. Pure."""
    seconds = after.at_s - before.at_s
    used = {name: after.programs_s[name] - before.programs_s[name] for name in after.programs_s}
    client = after.client_s - before.client_s
    whole = after.machine_s - before.machine_s
    return Busy(
        measured=used[program] / seconds,
        idle=sum(spent for name, spent in used.items() if name != program) / seconds,
        client=client / seconds,
        others=max(0.0, whole - client - sum(used.values())) / seconds,
    )


def _cpu_seconds(program: str) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _processes(program))


def _processes(program: str) -> list[psutil.Process]:
    named = [one for one in psutil.Process().children() if one.name() == program]
    return named + [below for one in named for below in one.children(recursive=True)]


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
