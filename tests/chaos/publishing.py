"""Publishers that count a question as accepted only once Redis has it on its disk."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import redis.exceptions as redis_errors
from redis.asyncio import Redis

from shared.messages import Query, encode_json
from shared.streams import DATA
from tests.chaos.ledger import NAMES, NO_TEXT, Ledger
from tests.chaos.stack import ChaosStack

PUBLISHERS = 4
BATCH = 10
_SYNCED_MS = 5_000
_AGAIN_S = 0.2
_TWICE = 0.05  # share of questions that are published a second time, for no reason


@dataclass(frozen=True, slots=True)
class Publication:
    """Something to put on `queries`.

    Attributes:
        key: the query's id; for bytes that are no message the bytes themselves, as text.
        payload: what is put under `__data__`.
    """

    key: str
    payload: bytes


def question(query_id: str, number: int) -> Publication:
    """A good question; every fifth belongs to a bulk run."""
    query: dict[str, Any] = {
        "type": "query",
        "id": query_id,
        "question": f"Which tide is {number}?",
    }
    if number % 5 == 0:
        query["priority"] = "bulk"
    if number % 7 == 0:
        query["stream"] = True
    return Publication(query_id, encode_json(query))


def slow_question(query_id: str) -> Publication:
    """A good question whose answer takes the tiny generator two seconds or so."""
    return Publication(query_id, encode_json(Query(id=query_id, question="Why?", max_tokens=300)))


def empty_question(query_id: str) -> Publication:
    """A question that no attempt can answer."""
    return Publication(query_id, encode_json(Query(id=query_id, question=" ")))


def garbage(mark: str) -> Publication:
    """Bytes that are no message, different for each mark."""
    return Publication(mark, NO_TEXT + mark.encode())


async def put(client: Redis, batch: Sequence[Publication]) -> list[Publication]:
    """Publish once; returns what was not accepted.

    WAITAOF waits for what its own connection wrote, so all goes through one pipeline.
    """
    try:
        async with client.pipeline(transaction=False) as pipe:
            for one in batch:
                pipe.xadd(NAMES.queries, {DATA: one.payload})
            pipe.execute_command("WAITAOF", 1, 0, _SYNCED_MS)
            *replies, synced = await pipe.execute(raise_on_error=False)
    except (redis_errors.RedisError, OSError):
        return list(batch)
    if isinstance(synced, Exception) or int(synced[0]) < 1:
        return list(batch)
    pairs = zip(batch, replies, strict=True)
    return [one for one, reply in pairs if isinstance(reply, Exception)]


async def insist(client: Redis, batch: Sequence[Publication], ledger: Ledger) -> None:
    """Publish, the same ids again and again, until everything is accepted."""
    waiting = list(batch)
    while waiting:
        with ledger.asking():
            refused = await put(client, waiting)
            ledger.accepted |= {one.key for one in waiting} - {one.key for one in refused}
        if waiting := refused:
            await asyncio.sleep(_AGAIN_S)


async def publish_all(
    stack: ChaosStack, ledger: Ledger, count: int, over_s: float, rng: random.Random
) -> None:
    """Publish `count` questions, evenly over `over_s` seconds if the servers keep up."""
    questions = (question(f"q-{number}", number) for number in range(count))
    pause_s = over_s * BATCH * PUBLISHERS / max(count, 1)
    await asyncio.gather(
        *(_publisher(stack, ledger, questions, pause_s, rng) for _ in range(PUBLISHERS))
    )


async def _publisher(
    stack: ChaosStack,
    ledger: Ledger,
    questions: Iterator[Publication],
    pause_s: float,
    rng: random.Random,
) -> None:
    client = stack.wired()
    try:
        while batch := list(islice(questions, BATCH)):
            await asyncio.sleep(rng.uniform(0, 2 * pause_s))
            ledger.asked |= {one.key for one in batch}
            await insist(client, batch, ledger)
            if again := [one for one in batch if rng.random() < _TWICE]:
                await put(client, again)
    finally:
        await client.aclose()
