"""A real Redis for tests: the one that `ragstream up` starts, with the same configuration."""

import subprocess
import time
from collections.abc import Iterator, Sequence
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
    folder: Path,
    *,
    search: bool = True,
    password: str = "",
    port: int = 0,
    acl: Path | None = None,
    lines: Sequence[str] = (),
) -> Iterator[RedisAddress]:
    """Run Redis until the block ends; a test may kill it before.

    Args:
        folder: its data; started again on the same folder, it has the same data.
        search: load the search module.
        password: what clients must give; "" for none.
        port: where it listens; 0 takes a free one.
        acl: file of its users, the default user among them, whose password is then `password`.
        lines: further lines of its configuration, as `replicaof 127.0.0.1 6379`.
    """
    port = port or ports.choose({"redis": 0})["redis"]
    argv = command(folder, port, password="" if acl else password, search=search)
    more = [*([f"aclfile {acl}"] if acl else []), *lines]
    with Path(argv[-1]).open("a") as configuration:
        configuration.writelines(f"{line}\n" for line in more)
    with (folder / "redis.log").open("ab") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603 - our own command line
    try:
        _wait_ready(process, port, password, folder / "redis.log")
        yield RedisAddress(url(port), port, password, process.pid)
    finally:
        stop(process)


@contextmanager
def running_sentinel(folder: Path, master: RedisAddress, *, down_after_ms: int) -> Iterator[int]:
    """Run one sentinel that alone decides about the master `mymaster`; gives its port."""
    port = ports.choose({"sentinel": 0})["sentinel"]
    argv = command(folder, port, search=False)
    written = folder / "sentinel.conf"
    written.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {folder}\n"
        f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
        f"sentinel down-after-milliseconds mymaster {down_after_ms}\n"
        "sentinel failover-timeout mymaster 3000\n"
        + (f'sentinel auth-pass mymaster "{master.password}"\n' if master.password else "")
    )
    with (folder / "sentinel.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [argv[0], str(written), "--sentinel"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait_ready(process, port, "", folder / "sentinel.log")
        yield port
    finally:
        stop(process)


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


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End it, by force if it does not go; one that is dead already is only buried."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
