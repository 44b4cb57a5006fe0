"""How long an interactive question waits while a bulk run has filled the streams."""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from shared.client import RagstreamClient
from shared.messages import Answer, Query, decode_answer, encode_json
from shared.streams import DATA
from tests.chaos.ledger import NAMES
from tests.chaos.stack import ChaosStack

_BULK: Final = [NAMES.lane(one, "bulk") for one in (NAMES.queries, NAMES.retrieve, NAMES.generate)]
_PIECE = 500
_FILL_EVERY_S = 0.2
_WARM = 10  # questions that are asked before anything is measured


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds from publishing to the Answer: of the middle one and of the 95th of 100."""

    median_s: float
    p95_s: float

    @classmethod
    def of(cls, waits_s: Sequence[float]) -> Self:
        """What lies in the middle and near the end of at least two waits."""
        return cls(statistics.median(waits_s), statistics.quantiles(waits_s, n=20)[-1])


@dataclass(frozen=True, slots=True)
class Measured:
    """Waits of interactive questions without and with a bulk run.

    Attributes:
        idle: nothing else was there to do.
        loaded: a bulk run was in flight.
        least_in_flight: bulk questions in flight when it were fewest.
        batch_s: one batch, see `measure`.
        bulk_per_s: bulk answers a second meanwhile.
    """

    idle: Waits
    loaded: Waits
    least_in_flight: int
    batch_s: float
    bulk_per_s: float

    def limit_s(self, idle_s: float) -> float:
        """The longest wait that is promised where it was `idle_s` without a bulk run."""
        return 2 * idle_s + self.batch_s

    @property
    def kept(self) -> bool:
        """Whether the promise holds, for the question in the middle and for the slow ones."""
        pairs = (
            (self.loaded.median_s, self.idle.median_s),
            (self.loaded.p95_s, self.idle.p95_s),
        )
        return all(loaded_s < self.limit_s(idle_s) for loaded_s, idle_s in pairs)


class BulkRun:
    """Keeps so many bulk questions in flight, from their own lane's first stream on.

    Args:
        stack: with workers.
        size: how many.

    Attributes:
        least: in flight when it were fewest, just before new ones were published.
    """

    def __init__(self, stack: ChaosStack, size: int) -> None:
        self.least = size
        self._redis: Any = stack.direct  # redis-py thinks that lengths may be strings
        self._size = size
        self._numbers = itertools.count()

    async def fill(self) -> int:
        """Publish what is missing; returns how many it was."""
        async with self._redis.pipeline(transaction=True) as pipe:
            for stream in _BULK:
                pipe.xlen(stream)
            missing = self._size - sum(await pipe.execute())
        for begin in range(0, missing, _PIECE):
            async with self._redis.pipeline(transaction=False) as pipe:
                for _ in range(min(_PIECE, missing - begin)):
                    pipe.xadd(_BULK[0], {DATA: encode_json(self._question())})
                await pipe.execute()
        return int(max(0, missing))

    async def keep_full(self) -> None:
        """Fill again and again, until cancelled."""
        while True:
            await asyncio.sleep(_FILL_EVERY_S)
            self.least = min(self.least, self._size - await self.fill())

    def _question(self) -> Query:
        number = next(self._numbers)
        return Query(id=f"bulk-{number}", question=f"Which tide is {number}?", priority="bulk")


async def measure(
    stack: ChaosStack, client: RagstreamClient, *, bulk: int, asked: int, rng: random.Random
) -> Measured:
    """Ask one question after the other, first alone, then beside a bulk run.

    One batch is the work that the stages have in hand already when the question comes: each has a
    few bulk questions in its bulk lane's slots, works on them side by side, and takes nothing back
    from them. It is as long as a bulk question is worked on in all stages together, without its
    waits (`timings_ms.*.work`, the median of those that were answered meanwhile).

    Args:
        stack: with no answer yet.
        client: of the same Redis.
        bulk: questions in flight.
        asked: interactive questions in each of the two parts, at least 2.
        rng: for the pauses between them, so that they fall into any moment of a batch.
    """
    await _ask(client, _WARM, rng)
    idle = await _ask(client, asked, rng)
    run = BulkRun(stack, bulk)
    await run.fill()
    filling = asyncio.create_task(run.keep_full())
    try:
        await _ask(client, _WARM, rng)
        await stack.forget()
        began = time.monotonic()
        loaded = await _ask(client, asked, rng)
        took_s = time.monotonic() - began
    finally:
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)
    done = await _bulk_answers(stack)
    batch_s = statistics.median(map(_work_s, done))
    return Measured(Waits.of(idle), Waits.of(loaded), run.least, batch_s, len(done) / took_s)


async def _ask(client: RagstreamClient, count: int, rng: random.Random) -> list[float]:
    """Seconds that each question waited for its Answer."""
    waits_s = []
    for number in range(count):
        await asyncio.sleep(rng.uniform(0, 0.2))
        began = time.monotonic()
        answer = await client.ask(Query(question=f"Which tide is {number}?"))
        waits_s.append(time.monotonic() - began)
        assert answer.error is None, answer
    return waits_s


async def _bulk_answers(stack: ChaosStack) -> list[Answer]:
    rows: Any = await stack.direct.xrange(NAMES.answers)
    answers = (decode_answer(fields[DATA]) for _, fields in rows)
    return [answer for answer in answers if answer.query_id.startswith("bulk-")]


def _work_s(answer: Answer) -> float:
    return sum(timing.work for timing in answer.timings_ms.values()) / 1000
