"""Several namespaces of one Redis: one worker process serves them, one client spreads over them."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.messages import Finished, Query
from shared.spread import SpreadClient, home
from shared.streams import Namespace
from tests.redis_server import RedisAddress
from tests.worker_process import running_worker


@pytest.fixture
def namespaces(namespace: str) -> list[str]:
    return [f"{{{namespace}-{number}}}" for number in range(3)]


@pytest.fixture
async def client(redis_server: RedisAddress, namespaces: list[str]) -> AsyncIterator[SpreadClient]:
    async with SpreadClient(redis_server.url, namespaces, password=redis_server.password) as client:
        yield client


def ids_at_home(name: str, namespaces: list[str], count: int) -> list[str]:
    """The first ids of questions that fall to a namespace."""
    ids = (f"q-{number}" for number in itertools.count())
    return list(itertools.islice((one for one in ids if home(one, namespaces) == name), count))


async def test_one_worker_answers_for_all_namespaces(
    redis_server: RedisAddress, redis: Redis, namespaces: list[str], client: SpreadClient,
    tmp_path: Path,
) -> None:  # fmt: skip
    """A namespace would have no worker, or an answer that its consumers never see."""
    ids = [one for name in namespaces for one in ids_at_home(name, namespaces, count=4)]
    variables = {
        "RAGSTREAM_REDIS_URL": redis_server.url,
        "RAGSTREAM_REDIS_PASSWORD": redis_server.password,
        "RAGSTREAM_NAMESPACES": ",".join(namespaces),
    }
    toy = running_worker("tests.chaos.toy_pipeline", variables=variables, log=tmp_path / "log")
    with toy:
        answers = [await client.ask(Query(id=one, question="?"), timeout_s=30) for one in ids]
        assert [answer.query_id for answer in answers] == ids
        assert await client.publish(Query(id=ids[0], question="?")) == ids[0]
        async with aclosing(client.stream(Query(id="last", question="?"))) as events:
            assert isinstance([event async for event in events][-1], Finished)
        assert not await client.cancel(ids[0])
        heard: list[str] = []
        async with aclosing(client.answers("reader")) as subscribed:
            while len(heard) < len(ids) + 1:
                heard.append((await asyncio.wait_for(anext(subscribed), 30)).query_id)
    assert sorted(heard) == sorted([*ids, "last"])
    for name in namespaces:
        own = {one for one in [*ids, "last"] if home(one, namespaces) == name}
        assert await redis.xlen(Namespace(name).answers) == len(own)


async def test_a_document_is_there_once_it_is_everywhere(
    redis: Any, namespaces: list[str], client: SpreadClient
) -> None:
    """A question would fall to a namespace that does not hold its document."""
    await client.ingest(b"text", document_id="d")
    for name in namespaces:
        names = Namespace(name)
        assert await redis.xlen(names.documents) == 1
        assert (await client.document("d")).state == "received"
        upload = await redis.hget(names.document("d"), "wanted")
        found = {"state": "ingested", "done": upload or ""}
        await redis.hset(names.document("d"), mapping=found)
    done = [state async for state in client.wait_ingested(["d"], timeout_s=5)]
    assert [(one.id, one.state) for one in done] == [("d", "ingested")]
