"""The worker processes: started, killed, frozen, and started again at once when they die."""

import asyncio
import itertools
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

WORKER: Final = "services.cli.main"
_BREATH_S = 0.2  # a worker that cannot start must not eat the machine


class Post:
    """The place of one worker: whoever dies there is followed by a new one.

    Args:
        name: which worker.
        number: which one of its kind.
        module: what is run, `services.cli.main` but for a worker that was broken on purpose.
        environment: all of its variables but its consumer's name.
        log: file that gets the output of all who serve here.

    Attributes:
        frozen: it was stopped and not yet continued.
        exits: exit codes of those who died without us.
    """

    def __init__(
        self, name: str, number: int, module: str, environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.consumer = ""
        self.frozen = False
        self.exits: Counter[int] = Counter()
        self._number = number
        self._module = module
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._killed = False

    async def serve(self) -> None:
        """Keep a worker running until cancelled; then the last one is killed."""
        try:
            for start in itertools.count():
                self._process = await self._spawn(f"{self.name}-{self._number}-{start}")
                code = await self._process.wait()
                if not self._killed:
                    self.exits[code] += 1
                    await asyncio.sleep(_BREATH_S)
        finally:
            self.kill()
            if self._process is not None:
                await self._process.wait()

    def kill(self) -> None:
        """SIGKILL."""
        self._killed = True
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: it holds what it has in hand and all connections, and does nothing."""
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        self.frozen = False
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM: it drains and exits, and is followed by a new one."""
        self._killed = True
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def _spawn(self, consumer: str) -> asyncio.subprocess.Process:
        self._killed, self.consumer = False, consumer
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._module, "worker", self.name,
                env={**self._environment, "RAGSTREAM_CONSUMER": consumer},
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip


class Crew:
    """All posts.

    Args:
        module: what is run for each worker.
        environment: variables of all workers.
        folder: gets a log file for each post.
    """

    def __init__(self, module: str, environment: Mapping[str, str], folder: Path) -> None:
        self.posts: list[Post] = []
        self._serving: list[asyncio.Task[None]] = []
        self._module = module
        self._environment = environment
        self._folder = folder

    def hire(self, name: str, count: int) -> None:
        """Open posts for so many workers of a kind."""
        for number in range(count):
            log = self._folder / f"{name}-{number}.log"
            post = Post(name, number, self._module, self._environment, log)
            self.posts.append(post)
            self._serving.append(asyncio.create_task(post.serve()))

    def of(self, name: str) -> list[Post]:
        """The posts of one kind of worker."""
        return [post for post in self.posts if post.name == name]

    @property
    def exits(self) -> Counter[str]:
        """Who died without us, as `name: exit code`."""
        return Counter(
            {
                f"{post.name}: {code}": sum(p.exits[code] for p in self.of(post.name))
                for post in self.posts
                for code in post.exits
            }
        )

    async def dismiss(self) -> None:
        """Kill all, for good."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
