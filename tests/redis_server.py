"""A real Redis for tests: the one that `ragstream up` starts, with the same configuration."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from services.cli import ports
from services.cli.redis import command, url

READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A running Redis; its URL has no password in it."""

    url: str
    port: int
    password: str = field(repr=False)
    pid: int


@contextmanager
def running_redis(
    folder: Path, *, search: bool = True, password: str = ""
) -> Iterator[RedisAddress]:
    """Run Redis until the block ends.

    Args:
        folder: its data; started again on the same folder, it has the same data.
        search: load the search module.
        password: what clients must give; "" for none.
    """
    port = ports.choose({"redis": 0})["redis"]
    argv = command(folder, port, password=password, search=search)
    with (folder / "redis.log").open("ab") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603 - our own command line
    try:
        _wait_ready(process, port, password, folder / "redis.log")
        yield RedisAddress(url(port), port, password, process.pid)
    finally:
        _stop(process)


def _wait_ready(process: "subprocess.Popen[bytes]", port: int, password: str, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    with redis.Redis(port=port, password=password or None, socket_timeout=1) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError as exc:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Redis did not start: {exc}\n{log.read_text()}") from exc
                time.sleep(POLL_S)
            else:
                return


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
