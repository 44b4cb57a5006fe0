"""A Triton that serves the real generator alone, and what can be seen of it from outside."""

import asyncio
import contextlib
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil

from services.cli.triton import LOOPBACK
from shared.triton import GENERATOR
from tests.built_models import built_repository
from tests.triton_server import TritonPorts, running_triton

PREFIX = "ragstream_generator_"
VERSION = Path(GENERATOR) / "1"
IN_USE = ("running_requests", "waiting_requests", "cache_tokens")  # 0 where nothing is asked
IDLE_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.05


@contextlib.contextmanager
def running_generator(**settings: int) -> Iterator[TritonPorts]:
    """Run it until the block ends, with settings as `cache_mib=64`."""
    names = {f"RAGSTREAM_TRITON_GENERATOR_{k.upper()}": str(v) for k, v in settings.items()}
    with (
        tempfile.TemporaryDirectory(prefix="ragstream-engine-") as folder,
        running_triton(
            built_repository(), Path(folder), models=[GENERATOR], variables=names
        ) as ports,
    ):
        yield ports


def model_folder() -> Path:
    """The built generator's version folder."""
    return built_repository() / VERSION


def meters(metrics_port: int) -> dict[str, float]:
    """The generator's own metrics, by their names without `ragstream_generator_`."""
    url = f"http://{LOOPBACK}:{metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as response:
        lines = response.read().decode().splitlines()
    found = (line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX))
    return {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in found}


async def idle(metrics_port: int) -> dict[str, float]:
    """The metrics once nothing runs or waits, or as they are when that never comes."""
    deadline = time.monotonic() + IDLE_WITHIN_S
    while True:
        found = await asyncio.to_thread(meters, metrics_port)
        if not any(found[name] for name in IN_USE) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(_LOOK_EVERY_S)


class Memory:
    """Memory of the process that runs the generator's python backend, a child of this one.

    The pages of the model's file are left out: the system keeps them as long as nobody else wants
    their place, and counts them as this process's only as it comes to read them.

    Attributes:
        began_bytes: what it had at first.
        most_bytes: the most it was seen to have.
    """

    def __init__(self) -> None:
        children = psutil.Process().children(recursive=True)
        mark = f"{VERSION}/model.py"
        [self._process] = [one for one in children if mark in " ".join(one.cmdline())]
        self.began_bytes = self.most_bytes = self._now()

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look again and again while the block runs."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        while True:
            self.most_bytes = max(self.most_bytes, await asyncio.to_thread(self._now))
            await asyncio.sleep(_LOOK_EVERY_S)

    def _now(self) -> int:
        found = self._process.memory_info()
        return int(found.rss - found.shared)
