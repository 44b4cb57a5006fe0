"""Tasks that are ended although they miss a cancellation, as redis-py may under Python 3.11."""

import asyncio
from contextlib import suppress
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from shared import tasks
from shared.claims import Claims
from shared.messages import Query
from shared.streams import Entry, Namespace
from shared.wanted import Wanted


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_MISSED_S", 0.01)


class _Deaf:
    """A Redis whose first command misses its cancellation; the others never end.

    Attributes:
        asked: set with the first command.
        missed: how many cancellations it missed.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.missed = 0

    def register_script(self, _script: str) -> Any:
        return self.exists

    async def exists(self, *_keys: str, **_options: Any) -> int:
        """Answers as soon as it was cancelled, if it is the first."""
        if self.asked.is_set():
            await asyncio.Event().wait()
        self.asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        self.missed += 1
        return 0


async def test_an_entry_that_is_done_ends_the_keeping_of_its_claim() -> None:
    """Its slot would be taken for ever, and a worker that is to stop never drained."""
    redis = _Deaf()
    claims = Claims(cast("Redis", redis), "me", visibility_timeout_ms=3)
    async with asyncio.timeout(5), claims.kept("g", Entry("s", "1-0")):
        await redis.asked.wait()
    assert redis.missed == 1


async def test_whoever_is_cancelled_again_meanwhile_still_ends_its_own() -> None:
    """A worker that stops would keep a claim for ever, and never end: both try anew at once."""
    redis, before = _Deaf(), asyncio.all_tasks()
    claims = Claims(cast("Redis", redis), "me", visibility_timeout_ms=3)

    async def work() -> None:
        async with claims.kept("g", Entry("s", "1-0")):
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await redis.asked.wait()
    await tasks.ended([working])
    assert working.cancelled()
    assert redis.missed == 1
    assert asyncio.all_tasks() == before


async def test_a_step_that_is_done_is_watched_no_longer() -> None:
    """Redis would be asked about it twice a second, for ever."""
    redis = _Deaf()
    before = asyncio.all_tasks()
    async with (
        asyncio.timeout(5),
        Wanted(cast("Redis", redis), Namespace("n")).during(Query(id="q", question="q"), 0),
    ):
        await redis.asked.wait()
    assert redis.missed == 1
    assert not {one for one in asyncio.all_tasks() - before if "_watch" in repr(one)}


async def test_whoever_ends_tasks_need_not_know_what_they_raise() -> None:
    """A worker would not close the rest."""

    async def fail() -> None:
        raise ValueError("no concern of anybody")

    await tasks.ended([asyncio.create_task(fail())])
    await tasks.ended([])
