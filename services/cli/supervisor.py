"""Runs a plan: starts its stages in order, keeps their parts alive, stops them in reverse."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

from services.cli import state
from services.cli.keeper import Keeper, Rhythm, Surroundings
from services.cli.part import Plan
from services.cli.processes import Identity, identify
from services.cli.state import Phase, StackState

Report = Callable[[str], None]


class Supervisor:
    """Runs one plan on one data folder, whose lock the caller holds."""

    def __init__(
        self,
        plan: Plan,
        *,
        state_file: Path,
        log: Callable[[str], Path],
        lock: int,
        report: Report,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._plan = plan
        self._file = state_file
        self._report = report
        self._identity: Identity = identify(os.getpid())
        self._phase: Phase = "starting"
        around = Surroundings(
            log=log, lock=lock, report=report, changed=self._write, rhythm=rhythm or Rhythm()
        )
        self._stages = [[Keeper(part, around) for part in stage] for stage in plan.stages]

    async def run(self, *, start_timeout_s: float, on_ready: Callable[[], None]) -> None:
        """Start everything, keep it alive until SIGINT, SIGTERM or SIGHUP, stop everything.

        A second signal kills what has not stopped yet.

        Args:
            start_timeout_s: how long each part may take until it is ready.
            on_ready: called once when all are.

        Raises:
            StackNotRunning: a part did not start. All others were stopped again.
        """
        stop, hurry = asyncio.Event(), asyncio.Event()
        with _signals(stop, hurry):
            self._write()
            try:
                await _until(stop, self._start(start_timeout_s))
                if not stop.is_set():
                    self._enter("ready")
                    on_ready()
                    await stop.wait()
            finally:
                await self._stop(hurry)

    async def _start(self, timeout_s: float) -> None:
        for stage in self._stages:
            names = ", ".join(keeper.part.name for keeper in stage)
            self._report(f"starting {names}")
            try:
                async with asyncio.TaskGroup() as group:
                    for keeper in stage:
                        group.create_task(keeper.start(timeout_s))
            except ExceptionGroup as failed:  # one reason is enough for a person to act on
                raise failed.exceptions[0] from None

    async def _stop(self, hurry: asyncio.Event) -> None:
        self._enter("stopping")
        for stage in reversed(self._stages):
            self._report(f"stopping {', '.join(keeper.part.name for keeper in stage)}")
            await asyncio.gather(*(keeper.stop(hurry) for keeper in stage))
        self._file.unlink(missing_ok=True)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._write()

    def _write(self) -> None:
        parts = tuple(keeper.state for stage in self._stages for keeper in stage)
        now = StackState(
            pid=self._identity.pid,
            create_time=self._identity.create_time,
            phase=self._phase,
            redis_url=self._plan.redis_url,
            triton_url=self._plan.triton_url,
            namespace=self._plan.namespace,
            parts=parts,
        )
        try:
            state.write(self._file, now)
        except OSError as exc:  # a full disk must not take a running stack down
            self._report(f"cannot write {self._file}: {exc.strerror}")


async def _until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do the work, unless `stop` comes first: then it is dropped half done."""
    working = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not working.done():
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return
    working.result()


@contextlib.contextmanager
def _signals(stop: asyncio.Event, hurry: asyncio.Event) -> Iterator[None]:
    """The first signal stops, the second hurries."""

    def received() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it goes on
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, received)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
