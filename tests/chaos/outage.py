"""Triton goes away while questions wait for it, and comes back."""

import asyncio
import time
from dataclasses import dataclass

from tests.chaos.accounting import Account, account, find
from tests.chaos.ledger import NAMES, Ledger
from tests.chaos.publishing import insist, question
from tests.chaos.stack import ChaosStack

_POLL_S = 0.1
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Endured:
    """What became of the questions.

    Attributes:
        account: of all of them; a dead letter of any counts as left behind.
        dead: dead letters.
        early: answers that came while Triton was away: none can.
        answered_in_s: seconds from Triton's return to the last answer; None if some never came.
        most_attempts: of any one question; more than 1 means that the outage used one up.
    """

    account: Account
    dead: int
    early: int
    answered_in_s: float | None
    most_attempts: int

    def kept(self, within_s: float) -> bool:
        """Whether the promise was kept: all answered in time, at their first attempt."""
        in_time = self.answered_in_s is not None and self.answered_in_s <= within_s
        return self.account.good and in_time and not self.early and self.most_attempts == 1


async def endure(stack: ChaosStack, queries: int, away_s: float, within_s: float) -> Endured:
    """Kill Triton, publish, wait, start Triton.

    Args:
        stack: with no answer yet.
        queries: how many questions wait.
        away_s: seconds from the kill until Triton is started again, or longer if publishing is.
        within_s: seconds to wait for the answers after it is ready.
    """
    ledger = Ledger()
    async with stack.triton.changing:
        await stack.triton.kill()
        returns = time.monotonic() + away_s
        await _publish(stack, ledger, queries)
        await asyncio.sleep(max(0.0, returns - time.monotonic()))
        early = await stack.direct.xlen(NAMES.answers)
        await stack.triton.start()
    took_s = await _answered(stack, queries, within_s)
    await stack.settle(within_s)
    found = await find(stack)
    attempts = max((answer.attempt for answer in found.answers), default=0)
    return Endured(account(ledger, found), len(found.dead), early, took_s, attempts)


async def _publish(stack: ChaosStack, ledger: Ledger, queries: int) -> None:
    batch = [question(f"wait-{number}", number) for number in range(queries)]
    ledger.asked |= {one.key for one in batch}
    for at in range(0, queries, _BATCH):
        await insist(stack.direct, batch[at : at + _BATCH], ledger)


async def _answered(stack: ChaosStack, queries: int, within_s: float) -> float | None:
    """Seconds until there are so many answers."""
    began = time.monotonic()
    while await stack.direct.xlen(NAMES.answers) < queries:
        if time.monotonic() - began > within_s:
            return None
        await asyncio.sleep(_POLL_S)
    return time.monotonic() - began
