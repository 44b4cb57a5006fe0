"""Real servers that may be killed at any moment and come back on the same port and folder."""

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from services.cli import probes, redis, triton
from tests.chaos.proxy import LOOPBACK

MODELS = Path(__file__).parent / "models"
# Below the ports that systems give to outgoing connections: one of those could take a killed
# server's port, or connect to itself there.
_PORTS = range(15_000, 30_000)
_READY_S = 60.0
_POLL_S = 0.05


class Server:
    """A process group on fixed ports.

    Args:
        argv: its command line.
        environment: all of its variables.
        log: file that gets its output.
        ready: probe; "" once the server can be used.

    Attributes:
        changing: held by whoever takes the server down, until it is back.
    """

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], log: Path, ready: probes.Probe
    ) -> None:
        self.changing = asyncio.Lock()
        self._argv = argv
        self._environment = environment
        self._log = log
        self._ready = ready
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it can be used.

        Raises:
            RuntimeError: it did not become ready; its log is in the words.
        """
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_S
        while reason := await self._ready():
            if time.monotonic() > deadline or self._process.returncode is not None:
                raise RuntimeError(f"{reason}\n{self._log.read_text(errors='replace')[-3000:]}")
            await asyncio.sleep(_POLL_S)

    async def kill(self) -> None:
        """SIGKILL it and its children, as a machine that loses power would."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


def redis_server(folder: Path, port: int, password: str, fsync: str) -> Server:
    """The Redis that `ragstream up` starts.

    Args:
        folder: its data; started again, it has the same data.
        port: where it listens.
        password: what clients must give.
        fsync: `everysec` or `always`.
    """
    argv = redis.command(folder, port, password=password)
    ready = probes.redis_ready(redis.url(port), password)
    command = [*argv, "--appendfsync", fsync]
    return Server(command, os.environ, folder / "redis.log", ready)


def triton_server(
    folder: Path, ports: Sequence[int], models: Path, settings: Mapping[str, str]
) -> Server:
    """A Triton with an embedder and a generator, on three ports, gRPC's first.

    Args:
        folder: its own.
        ports: free ones.
        models: its model repository.
        settings: variables of its models.
    """
    triton.prepare(folder)
    argv, environment = triton.command(
        folder, models, grpc_port=ports[0], http_port=ports[1], metrics_port=ports[2]
    )
    # Killed, it leaves shared memory behind, which is found again by the port in its name.
    argv.append(f"--backend-config=python,shm-region-prefix-name={_region(ports[0])}")
    ready = probes.triton_ready(f"{LOOPBACK}:{ports[0]}", triton.MODELS)
    return Server(argv, {**environment, **settings}, folder / "triton.log", ready)


def drop_shared_memory(grpc_port: int) -> None:
    """Remove what a killed Triton left in shared memory."""
    for left in Path("/dev/shm").glob(f"{_region(grpc_port)}*"):  # noqa: S108 - Linux's own place
        left.unlink(missing_ok=True)


def _region(grpc_port: int) -> str:
    return f"ragstream_chaos_{grpc_port}_"


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on and that no outgoing connection will take."""
    found: list[int] = []
    with ExitStack() as held:
        for port in random.sample(_PORTS, len(_PORTS)):
            one = held.enter_context(socket.socket())
            with suppress(OSError):
                one.bind((LOOPBACK, port))
                found.append(port)
            if len(found) == count:
                break
    return found
