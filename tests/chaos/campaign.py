"""One run of the suite: publish, attack, settle, account."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis.exceptions as redis_errors

from tests.chaos.accounting import Account, account, find
from tests.chaos.disk import Loss
from tests.chaos.faults import FAULTS, heal
from tests.chaos.ledger import NAMES, Ledger
from tests.chaos.publishing import publish_all
from tests.chaos.schedule import Planned, schedule
from tests.chaos.stack import ChaosStack, chaos_stack

Report = Callable[[str], None]
_TOLD_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Size and kind of a run.

    Attributes:
        queries: good questions to publish.
        faults: how many, of all kinds in turn.
        seed: of the schedule.
        fsync: Redis's `appendfsync`.
        pauses_s: shortest and longest time between the beginnings of two faults, seconds.
        settle_s: longest time until all streams are empty after the last fault, seconds.
    """

    queries: int
    faults: int
    seed: int
    fsync: str = "everysec"
    pauses_s: tuple[float, float] = (3.0, 5.0)
    settle_s: float = 180.0


async def run(campaign: Campaign, folder: Path, report: Report) -> Account:
    """Run it; the stack's logs stay in the folder."""
    async with chaos_stack(folder, fsync=campaign.fsync) as stack:
        report(f"stack is up, redis appendfsync {campaign.fsync}, logs in {folder}")
        return await attack(stack, campaign, report)


async def attack(stack: ChaosStack, campaign: Campaign, report: Report) -> Account:
    """Publish and attack at the same time, let it settle, account."""
    ledger, done, began = Ledger(), Counter[str](), time.monotonic()
    planned = schedule(campaign.seed, campaign.faults, list(FAULTS), campaign.pauses_s)
    rng = random.Random(campaign.seed)  # noqa: S311 - a schedule, no secret
    over_s = sum(fault.pause_s for fault in planned)
    await stack.disk.note(stack.direct, ledger.accepted)  # else the first kill might cut nothing
    beside = [
        asyncio.create_task(_tell(stack, ledger, done, report)),
        asyncio.create_task(stack.disk.watch(stack.direct, ledger.accepted)),
    ]
    try:
        async with asyncio.timeout(2 * over_s + campaign.settle_s), asyncio.TaskGroup() as both:
            both.create_task(publish_all(stack, ledger, campaign.queries, over_s, rng))
            both.create_task(_harm(stack, ledger, planned, done))
        await heal(stack)
        report(f"{time.monotonic() - began:.0f} s: faults are over, settling")
        settled = await stack.settle(campaign.settle_s)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    report(f"{time.monotonic() - began:.0f} s: {'settled' if settled else 'did NOT settle'}")
    result = account(ledger, await find(stack))
    for line in (*_table(done), *_losses(stack.disk.losses), *_exits(stack), *result.notes):
        report(line)
    return result


async def _harm(
    stack: ChaosStack, ledger: Ledger, planned: list[Planned], done: Counter[str]
) -> None:
    """Begin each fault in its time; a long one goes on while the next ones come."""
    async with asyncio.TaskGroup() as faults:
        for fault in planned:
            await asyncio.sleep(fault.pause_s)
            faults.create_task(_one(stack, ledger, fault, done))


async def _one(stack: ChaosStack, ledger: Ledger, fault: Planned, done: Counter[str]) -> None:
    await FAULTS[fault.kind](stack, ledger, fault.dice)
    done[fault.kind] += 1


async def _tell(stack: ChaosStack, ledger: Ledger, done: Counter[str], report: Report) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_TOLD_S)
        with suppress(redis_errors.RedisError):
            answers, left = await stack.direct.xlen(NAMES.answers), await stack.left()
            report(
                f"{time.monotonic() - began:.0f} s: {done.total()} faults, "
                f"{len(ledger.accepted)} accepted, {answers} answers, in the streams {left}"
            )


def _table(done: Counter[str]) -> list[str]:
    return ["fault                 times", *(f"{kind:20} {done[kind]:6}" for kind in FAULTS)]


def _losses(losses: Sequence[Loss]) -> list[str]:
    """What each power cut took; that it took something shows that the fault is real."""
    return [
        "power cut     bytes  publications  commits  answers",
        *(f"{number:9} {_columns(one)}" for number, one in enumerate(losses, 1)),
        f"{'all':>9} {_columns(sum(losses, Loss()))}",
    ]


def _columns(one: Loss) -> str:
    return f"{one.bytes:9} {one.questions:13} {one.commits:8} {one.answers:8}"


def _exits(stack: ChaosStack) -> list[str]:
    return [f"died by itself, {who}, {count} times" for who, count in stack.crew.exits.items()]
