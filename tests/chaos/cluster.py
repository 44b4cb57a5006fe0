"""Namespaces on a Redis Cluster, whose slots move and whose masters die while questions come.

Workers run the toy pipeline and serve all namespaces in each process. Publishers put questions
where SpreadClient would, and count one as accepted once a replica has it, too.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import redis.exceptions as redis_errors
from redis.asyncio import Redis

from shared.errors import Outage
from shared.messages import Answer, DeadLetter, decode_answer, decode_dead_letter
from shared.redis import connect
from shared.spread import SpreadClient, home
from shared.streams import DATA, Namespace
from tests.chaos.accounting import Account, Found, account
from tests.chaos.crew import Crew
from tests.chaos.ledger import Ledger
from tests.chaos.publishing import Publication, question
from tests.redis_cluster import (
    PASSWORD,
    Cluster,
    namespaces_on_each_master,
    running_cluster,
    until,
)

Report = Callable[[str], None]
_WORKERS: Final = 2
_PUBLISHERS: Final = 3
_BATCH: Final = 10
_REPLICATED_MS: Final = 2_000
_AGAIN_S: Final = 0.1
_ALL: Final = 10_000  # entries of one page
_SETTLED_WITHIN_S: Final = 120.0
# what a cluster's slot is moved with: keys lie on both nodes for a while
_PAUSE_S: Final = 0.02


@dataclass(slots=True)
class Sharded:
    """A cluster with a worker crew.

    Attributes:
        cluster: the servers.
        crew: workers, each of which serves all namespaces.
        clients: one for each namespace, which follows its slot.
        ledger: what publishers know.
        heard: how often a subscriber to all namespaces was given the answer to each question.
    """

    cluster: Cluster
    crew: Crew
    clients: Mapping[str, Redis]
    ledger: Ledger = field(default_factory=Ledger)
    heard: Counter[str] = field(default_factory=Counter)

    @property
    def namespaces(self) -> list[str]:
        """One on each master, at first."""
        return list(self.clients)

    def client(self) -> SpreadClient:
        """What upstream systems use."""
        return SpreadClient(self.cluster.url, self.namespaces, password=PASSWORD)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the questions.

    Attributes:
        account: of all of them, over all namespaces.
        answers: how many each namespace gave.
        moved_keys: of each slot's move.
        unheard: questions whose answer the subscriber was not given.
        astray: answers that stand in a namespace which is not their question's home.
    """

    account: Account
    answers: Mapping[str, int]
    moved_keys: Sequence[int]
    unheard: int
    astray: int

    @property
    def good(self) -> bool:
        """Whether all is as promised, and something was at stake."""
        spread = all(self.answers.values()) and all(self.moved_keys)
        return self.account.good and spread and not self.unheard and not self.astray


@asynccontextmanager
async def sharded(folder: Path) -> AsyncIterator[Sharded]:
    """Run the cluster and its workers until the block ends; data and logs stay in the folder."""
    async with running_cluster(folder) as cluster:
        names = namespaces_on_each_master()
        clients = {name: connect(cluster.url, PASSWORD, namespace=name) for name in names}
        crew = Crew("tests.chaos.toy_pipeline", _environment(cluster, names), folder)
        try:
            crew.hire("toy", _WORKERS)
            yield Sharded(cluster, crew, clients)
        finally:
            await crew.dismiss()
            for client in clients.values():
                await client.aclose()


def _environment(cluster: Cluster, names: Sequence[str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RAGSTREAM_")}
    return inherited | {
        "RAGSTREAM_REDIS_URL": cluster.url,
        "RAGSTREAM_REDIS_PASSWORD": PASSWORD,
        "RAGSTREAM_NAMESPACES": ",".join(names),
        "RAGSTREAM_HEALTH_PORT": "0",
        "RAGSTREAM_VISIBILITY_TIMEOUT_MS": "3000",
    }


async def endure(stack: Sharded, queries: int, report: Report) -> Outcome:
    """Publish; meanwhile move a slot, kill its new master, and move it back; then account."""
    listening = asyncio.create_task(_listen(stack))
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_publish_all(stack, queries))
            moves = both.create_task(_harm(stack, queries, report))
        await until(lambda: _idle(stack), _SETTLED_WITHIN_S)
        report("all streams are empty")
        await until(lambda: _all_heard(stack), _SETTLED_WITHIN_S)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return await _outcome(stack, moves.result())


async def _harm(stack: Sharded, queries: int, report: Report) -> list[int]:
    """Each harm in its time, told by how many answers there are."""
    cluster, [first, second, *_] = stack.cluster, stack.namespaces
    await until(lambda: _answered(stack, 0.1 * queries), _SETTLED_WITHIN_S)
    source, target = await cluster.owner(first), await cluster.owner(second)
    moved = [await cluster.move(first, target, pause_s=_PAUSE_S)]
    report(f"moved {first}: {moved[0]} keys, to the master of {second}")
    await until(lambda: _answered(stack, 0.3 * queries), _SETTLED_WITHIN_S)
    cluster.kill(target)
    report(f"killed the master of {first} and {second}")
    stack.crew.posts[0].kill()
    await until(lambda: _away_from(cluster, second, target.port))
    await cluster.start(target)
    report("its replica has taken over, and it is back as the replica of that")
    await cluster.settled()
    await until(lambda: _answered(stack, 0.6 * queries), _SETTLED_WITHIN_S)
    moved.append(await cluster.move(first, source, pause_s=_PAUSE_S))
    report(f"moved {first} back: {moved[1]} keys")
    return moved


async def _away_from(cluster: Cluster, namespace: str, port: int) -> bool:
    return (await cluster.owner(namespace)).port != port


async def _publish_all(stack: Sharded, count: int) -> None:
    """Publish as fast as answers come, so that there is load whatever happens."""
    questions = (question(f"q-{number}", 1) for number in range(count))
    await asyncio.gather(*(_publisher(stack, questions, count) for _ in range(_PUBLISHERS)))


async def _publisher(stack: Sharded, questions: Iterator[Publication], count: int) -> None:
    while batch := list(islice(questions, _BATCH)):
        stack.ledger.asked |= {one.key for one in batch}
        for name in stack.namespaces:
            await _insist(stack, name, [q for q in batch if home(q.key, stack.namespaces) == name])
        ahead = len(stack.ledger.accepted) - 0.1 * count
        await until(partial(_answered, stack, ahead), _SETTLED_WITHIN_S)


async def _insist(stack: Sharded, name: str, batch: Sequence[Publication]) -> None:
    """Publish the same ids again and again, until a replica has all of them."""
    if batch:
        put = partial(_put, stack.clients[name], Namespace(name).queries, batch)
        await until(put, _SETTLED_WITHIN_S)
    stack.ledger.accepted |= {one.key for one in batch}


async def _put(client: Redis, stream: str, batch: Sequence[Publication]) -> bool:
    """Publish once; WAIT speaks of what its own connection wrote."""
    try:
        async with client.pipeline(transaction=False) as pipe:
            for one in batch:
                pipe.xadd(stream, {DATA: one.payload})
            pipe.execute_command("WAIT", 1, _REPLICATED_MS)
            *_, replicas = await pipe.execute()
    except (redis_errors.RedisError, OSError):
        return False
    return int(replicas) >= 1


async def _listen(stack: Sharded) -> None:
    """Subscribe to all namespaces, anew after each outage, under a name that stays."""
    async with stack.client() as client:
        while True:
            try:
                async with aclosing(
                    client.answers("reader", consumer="r", claim_after_s=1)
                ) as all_:
                    async for answer in all_:
                        stack.heard[answer.query_id] += 1
            except Outage:
                await asyncio.sleep(_AGAIN_S)


async def _answered(stack: Sharded, count: float) -> bool:
    lengths = [await one.xlen(Namespace(name).answers) for name, one in stack.clients.items()]
    return sum(lengths) >= count


async def _all_heard(stack: Sharded) -> bool:
    return stack.ledger.accepted <= stack.heard.keys()


async def _idle(stack: Sharded) -> bool:
    return not any([await _left(name, client) for name, client in stack.clients.items()])


async def _left(name: str, client: Redis) -> dict[str, int]:
    """Entries in the stages of one namespace, those in hand included."""
    names = Namespace(name)
    streams = [names.queries, names.retrieve, names.generate]
    async with client.pipeline(transaction=True) as pipe:
        for stream in streams:
            pipe.xlen(stream)
        lengths = await pipe.execute()
    return {stream: n for stream, n in zip(streams, lengths, strict=True) if n}


async def _outcome(stack: Sharded, moved: Sequence[int]) -> Outcome:
    """Read everything that there is."""
    answers: list[Answer] = []
    dead: list[DeadLetter] = []
    left: dict[str, int] = {}
    counts: dict[str, int] = {}
    astray = 0
    for name, client in stack.clients.items():
        names, redis = Namespace(name), _untyped(client)
        own = [decode_answer(row[DATA]) for _, row in await redis.xrange(names.answers, count=_ALL)]
        letters = await redis.xrange(names.dead, count=_ALL)
        dead += [decode_dead_letter(row[DATA]) for _, row in letters]
        left |= await _left(name, client)
        counts[name] = len(own)
        astray += sum(home(one.query_id, stack.namespaces) != name for one in own)
        answers += own
    unheard = len(stack.ledger.accepted - stack.heard.keys())
    found = account(stack.ledger, Found(answers, dead, left))
    return Outcome(found, counts, moved, unheard, astray)


def _untyped(client: Redis) -> Any:
    """Redis-py thinks that entries may be None."""
    return client
