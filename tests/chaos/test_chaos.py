"""The short form of the chaos suite, against real servers and real workers that really die."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.accounting import Account, account, find
from tests.chaos.campaign import Campaign, attack
from tests.chaos.crew import WORKER, Post
from tests.chaos.ledger import NAMES, Ledger
from tests.chaos.outage import endure
from tests.chaos.publishing import Publication, insist, slow_question
from tests.chaos.stack import VISIBILITY_S, ChaosStack, chaos_stack
from tests.polling import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
COUNTS = {"embedder": 2, "retriever": 2, "generator": 2}
WITHIN_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ChaosStack]:
    """One stack for all tests of healthy workers."""
    folder: Path = tmp_path_factory.mktemp("chaos")
    async with chaos_stack(folder, module=WORKER, counts=COUNTS) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def stack(running: ChaosStack) -> ChaosStack:
    """The stack with no answer and no dead letter yet."""
    await running.forget()
    return running


async def test_no_fault_loses_or_repeats_an_answer(stack: ChaosStack) -> None:
    """Some crash, freeze, cut or full memory would lose a question or answer it twice."""
    campaign = Campaign(queries=300, faults=12, seed=3, pauses_s=(1.5, 2.5), settle_s=90)
    said: list[str] = []
    result = await attack(stack, campaign, said.append)
    assert result.good, "\n".join(said)


async def test_a_zombie_commits_nothing(stack: ChaosStack) -> None:
    """A worker frozen for longer than the time-out and woken again would answer once more."""
    result = await wake_a_zombie(stack)
    assert result.good, result.notes


async def test_the_account_sees_a_commit_without_its_condition(tmp_path: Path) -> None:
    """The suite would find nothing even if nothing were promised."""
    async with chaos_stack(tmp_path, module="tests.chaos.broken_worker", counts=COUNTS) as broken:
        result = await wake_a_zombie(broken)
    assert result.answered_twice > 0


async def test_questions_outlast_an_outage_of_triton(stack: ChaosStack) -> None:
    """Questions that wait for Triton would use up their attempts and become dead letters."""
    result = await endure(stack, 60, away_s=4 * VISIBILITY_S, within_s=WITHIN_S)
    assert result.kept(WITHIN_S), result


async def wake_a_zombie(stack: ChaosStack) -> Account:
    """Freeze a generator until another one has answered what it holds; then let it finish."""
    ledger = await ask(stack, [slow_question(f"zombie-{number}") for number in range(4)])
    zombie = await holding(stack)
    zombie.freeze()
    await until(lambda: answered(stack, ledger), WITHIN_S)
    # Alone, it is the zombie that answers one more: after that, it has done all that it would.
    others = [post for post in stack.crew.of("generator") if post is not zombie]
    for post in others:
        post.freeze()
    zombie.thaw()
    ledger.asked |= (await ask(stack, [slow_question("zombie-last")])).asked
    await until(lambda: answered(stack, ledger), WITHIN_S)
    for post in others:
        post.thaw()
    ledger.accepted |= ledger.asked
    assert await stack.settle(WITHIN_S)
    return account(ledger, await find(stack))


async def ask(stack: ChaosStack, batch: list[Publication]) -> Ledger:
    """Publish and have it accepted."""
    ledger = Ledger(asked={one.key for one in batch})
    await insist(stack.direct, batch, ledger)
    return ledger


async def holding(stack: ChaosStack) -> Post:
    """A generator that has questions in hand, as soon as there is one."""
    found: list[Post] = []

    async def look() -> bool:
        rows = await stack.direct.xinfo_consumers(NAMES.generate, "generator")
        busy = {row["name"].decode() for row in rows if row["pending"]}
        found.extend(post for post in stack.crew.of("generator") if post.consumer in busy)
        return bool(found)

    await until(look, WITHIN_S)
    return found[0]


async def answered(stack: ChaosStack, ledger: Ledger) -> bool:
    """Whether each question that was asked has an answer."""
    return ledger.asked <= {answer.query_id for answer in (await find(stack)).answers}
