"""Carries a run out: asks what has no answer, reads answers, writes each down before the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from services.cli.journal import Journal
from services.cli.runs import Asking, Begun, Cell, Planned, Run
from shared.bulk import Bulk, Position
from shared.errors import Outage, Overloaded, RunError
from shared.messages import Answer

T = TypeVar("T")
_AWAY_S: Final = 1.0
_WAIT_MS: Final = 1_000
_AT_ONCE_MS: Final = 1


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told about it.

    Attributes:
        left: how many cells have no Answer, whenever that may have changed.
        trouble: in words, that the run waits for a server.
    """

    left: Callable[[int], None]
    trouble: Callable[[str], None]


def begin(
    journal: Journal, asking: Asking, planned: Planned, position: Position, new_id: str
) -> Run:
    """The run of a journal, which goes on; a new one where the journal is empty.

    Args:
        journal: of the run.
        asking: what must be as it was.
        planned: what is asked from now on.
        position: where a new run reads from.
        new_id: what a new run is called.

    Raises:
        RunError: the journal is of a run that was asked otherwise.
    """
    if not journal.lines:
        begun = Begun(run=new_id, asking=asking, position=position)
        journal.append([begun, planned])
        return Run(begun, planned, position)
    if (run := Run.of(journal.lines)) is None:
        raise RunError("the file beside --out is no journal of a run: choose another --out")
    was = run.begun.asking
    if other := [
        name for name in was.__struct_fields__ if getattr(was, name) != getattr(asking, name)
    ]:
        said = ", ".join(f"{name} was {getattr(was, name)}" for name in other)
        raise RunError(f"--out belongs to a run that was asked otherwise ({said}): choose another")
    if run.planned != planned:
        journal.append([planned])
        run.add(planned)
    return run


async def catch_up(
    run: Run, journal: Journal, bulk: Bulk, *, kept_s: int, retry_failed: bool = False
) -> str:
    """Read what came while nobody was there, and see what has to be asked once more.

    Args:
        run: the run.
        journal: of the run.
        bulk: its way to Redis.
        kept_s: how long answers stay on their stream. Who was away for longer may have missed
            some: what has no answer then is asked again, under new ids.
        retry_failed: ask again what failed, expired or was cancelled.

    Returns:
        Entry id to read on from.
    """
    missed = await bulk.may_have_missed(run.position, kept_s)
    after, now_ms = run.position.after, (await bulk.newest()).at_ms
    while fresh := await bulk.answers(after, wait_ms=_AT_ONCE_MS):
        take_in(run, journal, fresh)
        after = fresh[-1][0]
    again = (run.pending() if missed else []) + (run.failed() if retry_failed else [])
    if again:
        line = run.again(again, Position(after, now_ms))
        journal.append([line])
        run.add(line)
    return after


async def carry_out(run: Run, journal: Journal, bulk: Bulk, after: str, told: Told) -> None:
    """Ask and read until each cell has its Answer.

    Args:
        run: the run, caught up.
        journal: of the run.
        bulk: its way to Redis.
        after: entry id to read on from.
        told: who is told how it goes.

    Raises:
        RunError: the journal cannot be written.
        RedisRefused: Redis does not let us in (any more).
        InvalidMessage: a question cannot be published.
    """
    cells = run.pending()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(run, journal, bulk, after, {cell.key for cell in cells}, told))
            group.create_task(_ask(run, bulk, cells, told))
    except ExceptionGroup as found:
        raise found.exceptions[0] from found


async def _ask(run: Run, bulk: Bulk, cells: Sequence[Cell], told: Told) -> None:
    for cell in cells:
        await _insist(partial(bulk.ask, run.query(cell)), told)


async def _read(
    run: Run, journal: Journal, bulk: Bulk, after: str, keys: set[str], told: Told
) -> None:
    told.left(len(keys))
    while keys:
        fresh = await _insist(partial(bulk.answers, after, wait_ms=_WAIT_MS), told)
        after = fresh[-1][0] if fresh else after
        keys -= take_in(run, journal, fresh)
        told.left(len(keys))


def take_in(run: Run, journal: Journal, fresh: Sequence[tuple[str, Answer]]) -> set[str]:
    """Write down which of these answers are the run's.

    Returns:
        Keys of those cells among them that wait for nothing any more.
    """
    lines = [line for entry in fresh if (line := run.answered(*entry))]
    if lines:
        journal.append(lines)
    for line in lines:
        run.add(line)
    return {line.key for line in lines} - run.waiting


async def _insist(step: Callable[[], Awaitable[T]], told: Told) -> T:
    """Do a step however long a server is away, or full; each step may be done twice."""
    said = False
    while True:
        try:
            return await step()
        except Overloaded as exc:
            wait_s = exc.retry_after_s
        except Outage as exc:
            wait_s = _AWAY_S
            if not said:
                told.trouble(f"{exc}: waiting for it")
            said = True
        await asyncio.sleep(wait_s)
