"""The faults. Each one does its harm, waits, and leaves what it harmed to recover by itself."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from tests.chaos.crew import Post
from tests.chaos.ledger import Ledger
from tests.chaos.publishing import empty_question, garbage, insist
from tests.chaos.stack import VISIBILITY_S, ChaosStack

Fault = Callable[[ChaosStack, Ledger, random.Random], Awaitable[None]]
_MARGIN_BYTES = 64 << 10


async def kill_worker(stack: ChaosStack, _ledger: Ledger, dice: random.Random) -> None:
    """SIGKILL a worker, whatever it does."""
    if post := _anyone(stack, dice):
        post.kill()


async def freeze_worker(stack: ChaosStack, _ledger: Ledger, dice: random.Random) -> None:
    """The zombie: others claim what a worker holds, then it wakes up and wants to commit."""
    if post := _anyone(stack, dice):
        post.freeze()
        await asyncio.sleep(VISIBILITY_S * dice.uniform(1.5, 3.0))
        post.thaw()


async def kill_redis(stack: ChaosStack, ledger: Ledger, dice: random.Random) -> None:
    """Take Redis's power; it comes back with what its disk holds."""
    async with stack.redis.changing:
        await stack.redis.kill()
        await ledger.heard()
        await stack.disk.cut(ledger.accepted)
        await asyncio.sleep(dice.uniform(0, 2.0))
        await stack.redis.start()


async def kill_triton(stack: ChaosStack, _ledger: Ledger, dice: random.Random) -> None:
    """SIGKILL Triton with all that it generates."""
    async with stack.triton.changing:
        await stack.triton.kill()
        await asyncio.sleep(dice.uniform(0, 2.0))
        await stack.triton.start()


async def cut_connections(stack: ChaosStack, _ledger: Ledger, _dice: random.Random) -> None:
    """Break every connection, with commands and replies on their way."""
    stack.redis_wire.cut()
    stack.triton_wire.cut()


async def delay_connections(stack: ChaosStack, _ledger: Ledger, dice: random.Random) -> None:
    """Make one of the two servers slow to reach, up to nearly the visibility time-out."""
    wire = dice.choice((stack.redis_wire, stack.triton_wire))
    wire.delay_s = dice.uniform(0.05, 0.4) * VISIBILITY_S
    await asyncio.sleep(dice.uniform(1.0, 3.0))
    wire.delay_s = 0.0


async def fill_memory(stack: ChaosStack, _ledger: Ledger, dice: random.Random) -> None:
    """Leave Redis no memory, or only a little."""
    async with stack.redis.changing:
        used = int((await stack.direct.info("memory"))["used_memory"])
        margin = dice.choice((-_MARGIN_BYTES, _MARGIN_BYTES))
        await stack.direct.config_set("maxmemory", used + margin)
        await asyncio.sleep(dice.uniform(0.5, 2.5))
        await stack.direct.config_set("maxmemory", 0)


async def drop_groups(stack: ChaosStack, _ledger: Ledger, dice: random.Random) -> None:
    """Destroy consumer groups, with all that they know of who holds what."""
    async with stack.redis.changing:
        streams = await stack.stages()
        for stream in dice.sample(streams, dice.randint(1, len(streams))):
            for group in await stack.direct.xinfo_groups(stream):
                await stack.direct.xgroup_destroy(stream, group["name"])


async def poison(stack: ChaosStack, ledger: Ledger, dice: random.Random) -> None:
    """Publish what nobody can answer: these, and only these, may become dead letters."""
    mark = f"poison-{dice.getrandbits(64):016x}"
    ledger.empty.add(f"{mark}-empty")
    ledger.garbage.add(f"{mark}-garbage")
    client = stack.wired()
    try:
        batch = [empty_question(f"{mark}-empty"), garbage(f"{mark}-garbage")]
        await insist(client, batch, ledger)
    finally:
        await client.aclose()


FAULTS: Final[Mapping[str, Fault]] = {
    one.__name__: one
    for one in (
        kill_worker,
        freeze_worker,
        kill_redis,
        kill_triton,
        cut_connections,
        delay_connections,
        fill_memory,
        drop_groups,
        poison,
    )
}


async def heal(stack: ChaosStack) -> None:
    """End what a fault may have left behind."""
    for post in stack.crew.posts:
        post.thaw()
    stack.redis_wire.delay_s = stack.triton_wire.delay_s = 0.0
    async with stack.redis.changing, stack.triton.changing:
        await stack.direct.config_set("maxmemory", 0)


def _anyone(stack: ChaosStack, dice: random.Random) -> Post | None:
    """A worker that is not frozen."""
    awake = [post for post in stack.crew.posts if not post.frozen]
    return dice.choice(awake) if awake else None
