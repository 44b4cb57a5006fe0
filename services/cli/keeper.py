"""Keeps one part alive: starts it, watches it, starts it again when it dies or is stuck."""

import asyncio
import os
import re
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.cli import ending, logs
from services.cli.part import Part
from services.cli.processes import identify
from services.cli.state import PartState
from shared.errors import StackNotRunning

LAST_LINES = 15
_PROGRESS = re.compile(r"I\d{4} ")  # what Triton says while all is well, and while it shuts down


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often to look and how long to wait, in seconds.

    Attributes:
        poll_s: between two looks at a part that is not ready.
        check_s: between two looks at one that is.
        first_delay_s: before the first new start; doubled with each death that follows.
        longest_delay_s: where the doubling ends.
        steady_s: a part that lived this long is steady: its next delay is the first again.
        stuck_s: a part that was ready, and then fails its probe this long without a break, is
            stopped and started again.
    """

    poll_s: float = 0.1
    check_s: float = 10.0  # each look at all parts takes 50 ms of a processor
    first_delay_s: float = 0.5
    longest_delay_s: float = 10.0
    steady_s: float = 30.0
    stuck_s: float = 30.0

    def delays(self) -> Iterator[float]:
        """Delay after each death in a row, without end."""
        delay = self.first_delay_s
        while True:
            yield min(delay, self.longest_delay_s)
            delay = min(delay * 2, self.longest_delay_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all keepers share.

    Attributes:
        log: the log file of a part, by its name.
        lock: file descriptor that every child inherits: see lock.py.
        report: takes a line for the operator.
        changed: called after each change of a part's state.
        rhythm: how often to look, how long to wait.
        clock: seconds, from any start; never set back.
    """

    log: Callable[[str], Path]
    lock: int
    report: Callable[[str], None]
    changed: Callable[[], None]
    rhythm: Rhythm = Rhythm()
    clock: Callable[[], float] = time.monotonic


class Keeper:
    """Keeps one part alive.

    Attributes:
        part: what is kept.
        state: how it stands, for state.json.
    """

    def __init__(self, part: Part, around: Surroundings) -> None:
        self.part = part
        self.state = PartState(name=part.name, port=part.port, metrics_port=part.metrics_port)
        self._around = around
        self._process: Process | None = None
        self._log_start = 0  # byte of the log at which this life begins
        self._failing_since: float | None = None  # by the clock; None while ready or starting
        self._task: asyncio.Task[None] | None = None
        self._first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, timeout_s: float) -> None:
        """Start the part and wait until it is ready; it is kept alive from then on.

        Raises:
            StackNotRunning: it ended, or was not ready in time. The message says why and
                shows the end of its log.
        """
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.part.name}")
        try:
            async with asyncio.timeout(timeout_s):
                await self._first_ready
        except TimeoutError:
            waited = f"was not ready within {timeout_s:g} s ({self.state.detail or 'no word'})"
            raise self._not_started(waited) from None

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ask the part to stop; kill it after its grace, or at once when `hurry` is set."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._process:
            await ending.end(self._process, self.part.grace_s, hurry)
        self._note(state="stopped", pid=None, detail="")

    async def _keep(self) -> None:
        """One life after the other, until cancelled; no second one before the first was ready."""
        rhythm, clock = self._around.rhythm, self._around.clock
        delays = rhythm.delays()
        while True:
            began = clock()
            ended = await self._live()
            if not self._first_ready.done():
                self._first_ready.set_exception(self._not_started(ended))
                return
            lived_s = clock() - began
            delays = rhythm.delays() if lived_s >= rhythm.steady_s else delays
            await self._pause(f"{ended} after {lived_s:.1f} s", next(delays))

    async def _pause(self, what: str, delay_s: float) -> None:
        self._around.report(f"{self.part.name} {what}; starting it again in {delay_s:g} s")
        restarts = self.state.restarts + 1
        self._note(state="restarting", pid=None, detail=what, restarts=restarts)
        await asyncio.sleep(delay_s)

    async def _live(self) -> str:
        """One life of the part, from its start to its end; returns how it ended."""
        try:
            self._process = process = await self._spawn()
        except OSError as exc:
            return f"cannot be run: {exc}"
        identity = identify(process.pid)
        self._note(pid=identity.pid, create_time=identity.create_time, started_s=time.time())
        self._failing_since = None
        how = await self._watch(process)
        ending.kill_session(process.pid)
        self._process = None
        return how

    async def _spawn(self) -> Process:
        with logs.open_log(self._around.log(self.part.name)) as log:
            self._log_start = log.tell()
            return await asyncio.create_subprocess_exec(
                *self.part.argv,
                env={**os.environ, **self.part.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own session: a Ctrl-C on the terminal reaches the supervisor alone, which
                # then stops the parts in their order.
                start_new_session=True,
                pass_fds=(self._around.lock,),
            )

    async def _watch(self, process: Process) -> str:
        """Look whether the part is ready, again and again, until it ends; returns how it did."""
        ended = asyncio.ensure_future(process.wait())
        rhythm = self._around.rhythm
        looked: asyncio.Future[None] = asyncio.ensure_future(self._look())
        try:
            while not ended.done():
                if why := self._stuck():
                    break
                either: set[asyncio.Future[Any]] = {ended, looked}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                wait_s = rhythm.check_s if self.state.state == "ready" else rhythm.poll_s
                await asyncio.wait({ended}, timeout=wait_s)
                if looked.done():
                    looked = asyncio.ensure_future(self._look())
        finally:
            # What is asked of a dead part says nothing; an answer must not change its state.
            looked.cancel()
            ended.cancel()
        return await self._end_stuck(process, why) if why else _how(await process.wait())

    def _stuck(self) -> str:
        """Why the part must be started anew; "" if it need not."""
        limit_s, since = self._around.rhythm.stuck_s, self._failing_since
        if since is None or self._around.clock() - since < limit_s:
            return ""
        return f"was not ready for {limit_s:g} s ({self.state.detail})"

    async def _end_stuck(self, process: Process, why: str) -> str:
        self._around.report(f"{self.part.name} {why}; stopping it")
        await ending.end(process, self.part.grace_s, asyncio.Event())
        return f"{why} and was stopped"

    async def _look(self) -> None:
        why_not = await _ask(self.part.ready)
        if not why_not:
            self._become_ready()
        elif self.state.state == "ready":
            self._around.report(f"{self.part.name} is not ready any more: {why_not}")
            self._note(state="not_ready", detail=why_not)
        elif why_not != self.state.detail:
            self._note(detail=why_not)
        await self._look_for_life()

    async def _look_for_life(self) -> None:
        """Note since when a part that was ready fails; one that only waits for others does not."""
        if self.state.state != "not_ready" or (self.part.alive and not await _ask(self.part.alive)):
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = self._around.clock()

    def _become_ready(self) -> None:
        if self.state.state == "ready":
            return
        self._note(state="ready", detail="")
        where = f" on port {self.part.port}" if self.part.port else ""
        self._around.report(f"{self.part.name} is ready{where}")
        if not self._first_ready.done():
            self._first_ready.set_result(None)

    def _note(self, **changes: object) -> None:
        self.state = msgspec.structs.replace(self.state, **changes)
        self._around.changed()

    def _not_started(self, what: str) -> StackNotRunning:
        log = self._around.log(self.part.name)
        lines = logs.last_lines(log, LAST_LINES, self._log_start)
        telling = [line for line in lines if line.strip() and not _PROGRESS.match(line)]
        shown = "".join(f"\n  | {line}" for line in telling or lines)
        return StackNotRunning(f"{self.part.name} {what}; its log is {log}{shown}")


async def _ask(probe: Callable[[], Awaitable[str]]) -> str:
    try:
        return await probe()
    except Exception as exc:  # noqa: BLE001 - a fault of a probe must not end its part
        return f"{type(exc).__name__}: {exc}"


def _how(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"exited with status {code}"
