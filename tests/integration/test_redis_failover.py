"""Redis dies, moves or forgets its groups, and a worker goes on in the same process."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions as errors
from redis.asyncio import Redis

from shared.redis import connect
from shared.streams import DATA
from tests.integration.toy_worker import GROUP
from tests.redis_server import RedisAddress, running_redis, running_sentinel
from tests.worker_process import running_worker

TOY = "tests.integration.toy_worker"
PASSWORD = "of the fail-over"  # noqa: S105 - of servers that live as long as a test
BACK_WITHIN_S = 2.0
FAILED_OVER_WITHIN_S = 20.0
_POLL_S = 0.02


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """Servers and workers of one test, ended in the opposite order."""
    with ExitStack() as stack:
        yield stack


def start_worker(running: ExitStack, url: str, folder: Path) -> Any:
    variables = {
        "RAGSTREAM_REDIS_URL": url,
        "RAGSTREAM_REDIS_PASSWORD": PASSWORD,
        "RAGSTREAM_VISIBILITY_TIMEOUT_MS": "1000",
    }
    return running.enter_context(
        running_worker(TOY, variables=variables, log=folder / "worker.log")
    )


async def until(passes: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Poll until it holds; what Redis says while it is away does not count."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if await passes():
                return
        except errors.RedisError:
            pass
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(_POLL_S)


async def copied(client: Redis) -> list[bytes]:
    """What the worker handed on."""
    rows: Any = await client.xrange("rag:out")
    return [fields[DATA] for _, fields in rows]


async def one_more(client: Redis, name: bytes, within_s: float) -> None:
    """Publish one entry, and see it handed on."""
    await client.xadd("rag:in", {DATA: name})

    async def came() -> bool:
        return name in await copied(client)

    await until(came, within_s)


async def test_a_lost_group_is_created_anew(running: ExitStack, tmp_path: Path) -> None:
    """A worker would exit, or what was published meanwhile would never be read."""
    server = running.enter_context(
        running_redis(tmp_path / "redis", search=False, password=PASSWORD)
    )
    process = start_worker(running, server.url, tmp_path)
    async with connect(server.url, PASSWORD) as client:
        await one_more(client, b"before", 20)
        async with client.pipeline(transaction=True) as pipe:
            pipe.xgroup_destroy("rag:in", GROUP)
            pipe.xadd("rag:in", {DATA: b"meanwhile"})
            await pipe.execute()
        await one_more(client, b"after", BACK_WITHIN_S)
        await client.delete("rag:in")
        await one_more(client, b"deleted", BACK_WITHIN_S)
        assert await copied(client) == [b"before", b"meanwhile", b"after", b"deleted"]
    assert process.poll() is None


async def test_a_killed_redis_comes_back(running: ExitStack, tmp_path: Path) -> None:
    """Questions would wait for a worker that waits, or that an operator must start again."""
    folder = tmp_path / "redis"
    server = running.enter_context(running_redis(folder, search=False, password=PASSWORD))
    process = start_worker(running, server.url, tmp_path)
    async with connect(server.url, PASSWORD) as client:
        await one_more(client, b"before", 20)
        await client.execute_command("WAITAOF", 1, 0, 2_000)
        os.kill(server.pid, signal.SIGKILL)
        await until_dead(server)
        running.enter_context(
            running_redis(folder, search=False, password=PASSWORD, port=server.port)
        )
        await one_more(client, b"after", BACK_WITHIN_S)
        assert await copied(client) == [b"before", b"after"]
    assert process.poll() is None


async def test_a_worker_stops_while_redis_is_away(running: ExitStack, tmp_path: Path) -> None:
    """A roll-out during an outage would hang until its pods are killed."""
    server = running.enter_context(
        running_redis(tmp_path / "redis", search=False, password=PASSWORD)
    )
    process = start_worker(running, server.url, tmp_path)
    async with connect(server.url, PASSWORD) as client:
        await one_more(client, b"before", 20)
    os.kill(server.pid, signal.SIGKILL)
    await until_dead(server)
    process.terminate()
    # uvicorn dies of the signal that stopped it, once all is closed
    assert await asyncio.to_thread(process.wait, 10) in {0, -signal.SIGTERM}
    assert "FastStream app shut down gracefully" in (tmp_path / "worker.log").read_text("utf-8")


async def until_dead(server: RedisAddress) -> None:
    """Wait until nobody answers on the server's port."""

    async def refused() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        except OSError:
            return True
        writer.close()
        return False

    await until(refused, 5)


async def test_a_worker_follows_the_master(running: ExitStack, tmp_path: Path) -> None:
    """A fail-over would stop all workers, or answer questions twice."""
    redis = {"search": False, "password": PASSWORD}
    follow = [f'masterauth "{PASSWORD}"', "repl-diskless-sync-delay 0"]
    master = running.enter_context(running_redis(tmp_path / "a", lines=follow, **redis))  # type: ignore[arg-type] # one dict for two servers
    replica_lines = [*follow, f"replicaof 127.0.0.1 {master.port}"]
    running.enter_context(running_redis(tmp_path / "b", lines=replica_lines, **redis))  # type: ignore[arg-type] # as above
    sentinel = running.enter_context(
        running_sentinel(tmp_path / "sentinel", master, down_after_ms=500)
    )
    # the first sentinel of the list is away: nobody may depend on that one
    url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel}/mymaster/0"
    process = start_worker(running, url, tmp_path)
    async with connect(url, PASSWORD) as client:
        await until(lambda: replicated(client), 20)
        await until(lambda: known(sentinel), 20)
        await one_more(client, b"before", 20)
        sure = await publish(client, 300, kill_after=100, master=master)

        async def all_came() -> bool:
            return sure <= set(await copied(client))

        await until(all_came, FAILED_OVER_WITHIN_S)
        out = await copied(client)
        await until(lambda: empty(client), 5)
    assert len(out) == len(set(out)), "handed on twice"
    assert len(sure) > 100
    assert process.poll() is None


async def replicated(client: Redis) -> bool:
    """Whether the replica has what the master has."""
    info: Any = await client.info("replication")
    return info["role"] == "master" and "online" in str(info.get("slave0", ""))


async def known(sentinel: int) -> bool:
    """Whether the sentinel has found the replica, without which it cannot fail over."""
    async with connect(f"redis://127.0.0.1:{sentinel}") as client:
        rows: Any = await client.execute_command("SENTINEL", "REPLICAS", "mymaster")
        return bool(rows)


async def empty(client: Redis) -> bool:
    pending: Any = await client.xpending("rag:in", GROUP)
    return await client.xlen("rag:in") == 0 and pending["pending"] == 0


async def publish(
    client: Redis, count: int, *, kill_after: int, master: RedisAddress
) -> set[bytes]:
    """Publish entries of different names, with the master's death in between.

    Returns:
        The names of those that the replica had when they were acknowledged: only these were
        ever promised to outlive the master.
    """
    sure = set()
    for number in range(count):
        if number == kill_after:
            os.kill(master.pid, signal.SIGKILL)
        name = b"%d" % number
        if await _published(client, name, replicas=1 if number < kill_after else 0):
            sure.add(name)
    return sure


async def _published(client: Redis, name: bytes, *, replicas: int) -> bool:
    """Whether an entry is safe; tried once, for an error does not say whether it was added."""
    try:
        async with client.pipeline(transaction=False) as pipe:
            pipe.xadd("rag:in", {DATA: name})
            pipe.execute_command("WAIT", replicas, 1_000)
            _, reached = await pipe.execute()
    except errors.RedisError:
        await asyncio.sleep(_POLL_S)
        return False
    return int(reached) >= replicas
