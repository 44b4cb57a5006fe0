"""When the supervisor starts a part again, and how long it waits before it does."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.keeper import Keeper, Rhythm, Surroundings
from services.cli.part import Part

LIVES = "import time; time.sleep(600)"
IGNORES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
DEAF = f"{IGNORES}; print('deaf', flush=True); {LIVES}"
DEADLINE_S = 10.0


def test_delays_double_from_half_a_second_to_ten() -> None:
    """A part that cannot start would be started hundreds of times a minute."""
    assert list(islice(Rhythm().delays(), 7)) == [0.5, 1, 2, 4, 8, 10, 10]


@given(st.floats(0.01, 10), st.floats(10, 100), st.integers(1, 40))
def test_delays_stay_in_bounds(first: float, longest: float, count: int) -> None:
    """The doubling would never end."""
    delays = Rhythm(first_delay_s=first, longest_delay_s=longest).delays()
    assert all(first <= delay <= longest for delay in islice(delays, count))


@dataclass
class Scene:
    """A part whose probes and clock the test turns.

    Attributes:
        why_not: what the probe says.
        dead: what the probe of life says; None for a part without one.
        now_s: the clock.
        said: what was reported.
    """

    folder: Path
    why_not: str = ""
    dead: str | None = None
    now_s: float = 0.0
    looks: int = 0
    said: list[str] = field(default_factory=list)

    async def ready(self) -> str:
        self.looks += 1
        return self.why_not

    async def alive(self) -> str:
        return self.dead or ""

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def keeper(self, lock: int, code: str = LIVES) -> Keeper:
        part = Part(
            name="part",
            argv=(sys.executable, "-c", code),
            ready=self.ready,
            alive=None if self.dead is None else self.alive,
            grace_s=0.2,
        )
        around = Surroundings(
            log=self.log,
            lock=lock,
            report=self.said.append,
            changed=lambda: None,
            rhythm=Rhythm(poll_s=0.01, check_s=0.01, first_delay_s=0.01),
            clock=lambda: self.now_s,
        )
        return Keeper(part, around)

    async def looked(self, times: int = 3) -> None:
        """Wait until the part was looked at a few times more."""
        wanted = self.looks + times
        await until(lambda: self.looks >= wanted)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - a log file and a state have no event
            await asyncio.sleep(0.005)


def kept(scene: Scene, code: str, story: Callable[[Keeper], Awaitable[None]]) -> None:
    """Run a story with the scene's part, and stop it at the end, however that comes."""

    async def run() -> None:
        lock = os.open(scene.folder / "lock", os.O_CREAT | os.O_RDWR)
        keeper = scene.keeper(lock, code)
        hurry = asyncio.Event()
        hurry.set()
        try:
            await story(keeper)
        finally:
            await keeper.stop(hurry)
            os.close(lock)

    asyncio.run(run())


@pytest.mark.parametrize("code", [LIVES, DEAF])
def test_a_part_that_stays_not_ready_is_started_again(tmp_path: Path, code: str) -> None:
    """A server that answers on its port, but does no work, would never heal."""
    scene = Scene(tmp_path)

    async def story(keeper: Keeper) -> None:
        await keeper.start(DEADLINE_S)
        await until(lambda: code != DEAF or b"deaf" in scene.log("part").read_bytes())
        first = keeper.state.pid
        scene.why_not = "no model"
        await until(lambda: keeper.state.state == "not_ready")
        scene.now_s = 31.0
        await until(lambda: keeper.state.restarts == 1)
        scene.why_not = ""
        await until(lambda: keeper.state.state == "ready")
        assert keeper.state.pid not in {None, first}
        assert "part was not ready for 30 s (no model); stopping it" in scene.said
        with pytest.raises(ProcessLookupError):
            os.kill(first or 0, 0)

    kept(scene, code, story)


def test_a_part_that_was_ready_in_between_is_left_alone(tmp_path: Path) -> None:
    """A busy server, late for a probe now and then, would be killed amid its work."""
    scene = Scene(tmp_path)

    async def story(keeper: Keeper) -> None:
        await keeper.start(DEADLINE_S)
        for moment in (20.0, 40.0, 60.0):
            scene.why_not = "late"
            await until(lambda: keeper.state.state == "not_ready")
            scene.now_s = moment
            await scene.looked()
            scene.why_not = ""
            await until(lambda: keeper.state.state == "ready")
        assert keeper.state.restarts == 0

    kept(scene, LIVES, story)


def test_a_part_that_still_starts_is_left_alone(tmp_path: Path) -> None:
    """A large model, or a large data set, would never get loaded."""
    scene = Scene(tmp_path)

    async def story(keeper: Keeper) -> None:
        await keeper.start(DEADLINE_S)
        scene.why_not = "loading"
        os.kill(keeper.state.pid or 0, 9)
        await until(lambda: keeper.state.restarts == 1 and keeper.state.pid is not None)
        scene.now_s = 1000.0
        await scene.looked()
        assert keeper.state.restarts == 1

    kept(scene, LIVES, story)


def test_a_part_that_waits_for_others_is_left_alone(tmp_path: Path) -> None:
    """Each outage of Redis would restart every worker, which go on by themselves."""
    scene = Scene(tmp_path, dead="")

    async def story(keeper: Keeper) -> None:
        await keeper.start(DEADLINE_S)
        scene.why_not = "Redis is away"
        await until(lambda: keeper.state.state == "not_ready")
        scene.now_s = 1000.0
        await scene.looked()
        assert keeper.state.restarts == 0
        scene.dead = "no answer"
        await scene.looked()
        scene.now_s = 1031.0
        await until(lambda: keeper.state.restarts == 1)

    kept(scene, LIVES, story)
