"""A worker whose slots are all taken: what it leaves to others, and how it stops."""

import asyncio
import signal
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from services.cli.parts import WORKER_EXTRA_S
from shared.streams import DATA
from tests.integration.toy_worker import GROUP, STUCK
from tests.polling import until
from tests.redis_server import RedisAddress
from tests.worker_process import running_worker

GRACE_S = 2
VISIBLE_MS = 60_000  # nothing is claimed because of its time


async def in_hand(redis: Redis, name: str) -> list[Any]:
    """Pending entries, once there is a group."""
    if not await redis.exists(f"{name}:in") or not await redis.xinfo_groups(f"{name}:in"):
        return []
    return list(await redis.xpending_range(f"{name}:in", GROUP, "-", "+", 10))


async def is_taken(redis: Redis, name: str) -> bool:
    return bool(await in_hand(redis, name))


async def test_a_full_worker_leaves_the_rest_to_others_and_stops_in_time(
    redis: Redis, redis_server: RedisAddress, namespace: str, tmp_path: Path
) -> None:
    """What it read would wait behind its slots, and be lost to all until its claim has lapsed."""
    names = [f"{namespace}-{number}" for number in range(4)]
    variables = {
        "RAGSTREAM_REDIS_URL": redis_server.url,
        "RAGSTREAM_REDIS_PASSWORD": redis_server.password,
        "RAGSTREAM_NAMESPACES": ",".join(names),
        "RAGSTREAM_VISIBILITY_TIMEOUT_MS": str(VISIBLE_MS),
        "RAGSTREAM_GRACE_PERIOD_S": str(GRACE_S),
    }
    toy, log = "tests.integration.toy_worker", tmp_path / "worker.log"
    with running_worker(toy, variables=variables, log=log) as process:
        for name in names:
            await redis.xadd(f"{name}:in", {DATA: STUCK})
            await until(partial(is_taken, redis, name), 20)  # it starts
            await redis.xadd(f"{name}:in", {DATA: b"next"})
        process.terminate()
        # as long as `ragstream up` waits for a worker before it kills it
        ended = await asyncio.to_thread(process.wait, GRACE_S + WORKER_EXTRA_S)
    assert ended in {0, -signal.SIGTERM}
    for name in names:
        [stuck] = await in_hand(redis, name)
        assert stuck["time_since_delivered"] >= VISIBLE_MS  # handed back: anybody may claim it
        assert stuck["times_delivered"] == 0
        [group] = await redis.xinfo_groups(f"{name}:in")
        assert group["lag"] == 1
