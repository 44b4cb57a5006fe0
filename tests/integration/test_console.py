"""The console over HTTP, against a real Redis."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from services.cli.connect import Address
from services.cli.main import cli
from services.cli.session import Session
from services.console import app
from services.console.live import Live, Watch
from services.console.settings import ConsoleSettings
from shared.errors import InvalidQuery
from shared.generations import FIRST
from shared.messages import Query, Retrieve, Started, Token, encode_json, encode_msgpack
from shared.streams import DATA, Effect, Entry, Namespace
from tests.integration.pipelines import Pipeline, fails, ragstream
from tests.redis_server import RedisAddress, running_redis

TOKEN = "sixteen-or-more-characters"  # noqa: S105 - of servers that live as long as a test
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
REFUSED = InvalidQuery("refused by the test")
WITHIN_S = 30


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


@pytest.fixture
def pipeline(redis: Any, names: Namespace) -> Pipeline:
    return Pipeline(redis, names)


@asynccontextmanager
async def served(
    server: RedisAddress, namespace: str, token: str = TOKEN, **given: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    """A console on a free port, and a browser that knows its address."""
    settings = ConsoleSettings(port=0, token=token, look_every_s=0.1, **given)
    address = Address(redis_url=server.url, password=server.password, namespace=namespace)
    with app.listen(settings) as listening:
        serving = asyncio.create_task(app.serve(settings, address, listening, visible_s=15))
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        timeout = aiohttp.ClientTimeout(WITHIN_S)
        try:
            async with aiohttp.ClientSession(base, timeout=timeout) as session:
                yield session
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


@pytest.fixture
async def console(
    redis_server: RedisAddress, namespace: str
) -> AsyncIterator[aiohttp.ClientSession]:
    async with served(redis_server, namespace) as session:
        yield session


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """Server-sent events as they come."""
    name = ""
    async for line in response.content:
        kind, _, value = line.decode().strip().partition(": ")
        if kind == "event":
            name = value
        elif kind == "data":
            yield name, json.loads(value)


async def seen(console: aiohttp.ClientSession, **wanted: Any) -> Any:
    """The first look in which a query is in a state: `id=state`."""
    async with console.get("/api/live") as response:
        async for _, look in events(response):
            states = {one["id"]: one["state"] for one in look["queries"]}
            if wanted.items() <= states.items():
                return look
    raise AssertionError(wanted)


async def code(response: Any) -> tuple[int, str]:
    async with response as answer:
        return answer.status, (await answer.json())["error"]["code"]


async def test_a_look_shows_stages_and_queries_by_state(
    redis: Any, names: Namespace, pipeline: Pipeline, console: aiohttp.ClientSession
) -> None:
    """An operator could not see what waits, who has what, and how queries ended."""
    for query_id in ("ends", "fails", "held"):
        await redis.xadd(names.queries, {"question": "Why?", "id": query_id})
    await pipeline.run(pipeline.entrance(pipeline.answer))
    await pipeline.run(pipeline.entrance(fails(REFUSED)))
    await pipeline.run(pipeline.entrance(pipeline.on))
    await pipeline.take(pipeline.retriever(pipeline.on), "worker-7")
    await redis.xadd(names.queries, {"question": "And why?", "id": "waits"})
    await redis.xadd(names.queries, {DATA: b"\xff"})
    for number in range(30):  # more than are read of a stage hide nothing that is in hand
        behind = Retrieve(query=Query(id=f"{number}", question="?"), embedding=b"", accepted_ms=0)
        await redis.xadd(names.retrieve, {DATA: encode_msgpack(behind)})
    look = await seen(console, ends="answered", fails="failed", held="in_hand", waits="waiting")
    shown = {one["id"]: one for one in look["queries"]}
    assert (shown["held"]["stage"], shown["held"]["consumer"]) == ("retrieve", "worker-7")
    assert (shown["waits"]["words"], shown["ends"]["words"]) == ("And why?", "Forty.")
    [queries] = [one for one in look["pipeline"]["stages"] if one["name"] == "queries"]
    assert (queries["lag"], [one["name"] for one in queries["consumers"]]) == (2, ["worker-1"])


async def test_an_answer_streams_in(
    redis: Any, names: Namespace, pipeline: Pipeline, console: aiohttp.ClientSession
) -> None:
    """Whoever asks would look at an empty box until all is written."""

    async def write(entry: Entry, query: Query) -> Sequence[Effect]:
        for event in (Started(), Token(text="For"), Token(text="ty.")):
            await redis.xadd(names.tokens(query.id), {DATA: encode_json(event)})
        return await pipeline.answer(entry, query)

    async with console.post("/api/ask", json={"question": "How many?"}, headers=RIGHT) as response:
        told = [await anext(found := events(response))]
        async with asyncio.timeout(WITHIN_S):
            while not await redis.xlen(names.queries):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.01)
        await pipeline.run(pipeline.entrance(write))
        told += [event async for event in found]
    kinds = [name for name, _ in told]
    assert kinds == ["asked", "started", "token", "token", "finished"]
    assert told[-1][1]["answer"]["text"] == "Forty."
    query_id = told[0][1]["query_id"]
    async with console.get("/api/query", params={"id": query_id}) as response:
        found_again = await response.json()
    assert found_again["whereabouts"]["state"] == "answered"
    assert found_again["answer"]["text"] == "Forty."


async def test_a_question_can_be_taken_back(
    redis: Any, names: Namespace, console: aiohttp.ClientSession
) -> None:
    """A question that was asked by mistake would keep a model busy."""
    body = {"query_id": "q"}
    async with console.post("/api/cancel", json=body, headers=RIGHT) as response:
        assert await response.json() == {"cancelled": True}
    assert await redis.exists(names.cancelled("q"))


async def test_a_dead_letter_is_seen_and_redriven_once(
    redis: Any, names: Namespace, pipeline: Pipeline, console: aiohttp.ClientSession
) -> None:
    """An operator could not repair what failed, or would have it answered twice."""
    await redis.xadd(names.queries, {"question": "Why?", "id": "q"})
    await pipeline.run(pipeline.entrance(fails(REFUSED)))
    async with console.get("/api/dead", params={"code": "invalid_query"}) as response:
        listed = await response.json()
    [letter] = listed["letters"]
    assert (listed["length"], letter["query_id"], listed["more"]) == (1, "q", False)
    async with console.get("/api/letter", params={"id": letter["id"]}) as response:
        assert (await response.json())["shown"] == {"question": "Why?", "id": "q"}
    for outcome in ("redriven", "gone"):
        body = {"ids": [letter["id"]]}
        async with console.post("/api/redrive", json=body, headers=RIGHT) as response:
            assert (await response.json())["letters"][0]["outcome"] == outcome
    assert await redis.xlen(names.queries) == 1
    assert await code(console.get("/api/letter", params={"id": letter["id"]})) == (404, "not_there")


async def test_a_citation_opens_its_passage(
    redis: Any, names: Namespace, console: aiohttp.ClientSession
) -> None:
    """A quote could not be read in its place."""
    chunk = {"text": "Bread rises.", "title": "T", "document_id": "d", "section": "S", "page": 3}
    await redis.hset(names.chunk(FIRST, "d", 0), mapping=chunk)
    async with console.get("/api/passage", params={"chunk_id": "d:0"}) as response:
        assert await response.json() == {"chunk_id": "d:0", **chunk}
    gone = console.get("/api/passage", params={"chunk_id": "d:1"})
    assert await code(gone) == (404, "not_there")


CHANGES = (
    ("/api/ask", {"question": "Why?"}),
    ("/api/cancel", {"query_id": "q"}),
    ("/api/redrive", {"ids": ["1-0"]}),
)


@pytest.mark.parametrize(("path", "body"), CHANGES)
async def test_who_has_no_token_changes_nothing(
    redis: Any, names: Namespace, redis_server: RedisAddress, path: str, body: Any
) -> None:
    """Whoever reaches the page could ask, cancel or redrive."""
    async with served(redis_server, names.name) as console:
        assert await code(console.post(path, json=body)) == (401, "token_needed")
        wrong = {"Authorization": f"Bearer {TOKEN[:-1]}"}
        assert await code(console.post(path, json=body, headers=wrong)) == (401, "token_needed")
    async with served(redis_server, names.name, token="") as console:
        assert await code(console.post(path, json=body, headers=RIGHT)) == (403, "read_only")
    assert [key async for key in redis.scan_iter(f"{names.name}:*")] == []


async def test_other_pages_and_other_names_are_refused(console: aiohttp.ClientSession) -> None:
    """A page that the operator visits could read here, or ask in the operator's name."""
    ways: tuple[tuple[dict[str, str], tuple[int, str]], ...] = (
        ({"Host": "evil.example"}, (421, "wrong_host")),
        ({"Origin": "http://evil.example"}, (403, "other_origin")),
        ({"Sec-Fetch-Site": "cross-site"}, (403, "other_origin")),
    )
    for headers, expected in ways:
        assert await code(console.get("/api/live", headers=headers)) == expected
        sent = console.post("/api/ask", json={"question": "Why?"}, headers={**RIGHT, **headers})
        assert await code(sent) == expected
    form = console.post("/api/ask", data='{"question": "Why?"}', headers=RIGHT)
    assert await code(form) == (400, "bad_request")


async def test_what_no_page_sends_is_refused_in_plain_words(console: aiohttp.ClientSession) -> None:
    """A question without end would fill Redis, and a wrong one end in a traceback."""
    ways: tuple[tuple[Any, tuple[int, str]], ...] = (
        ({"question": "x" * 4_001}, (422, "invalid_query")),
        ({"question": "  "}, (422, "invalid_query")),
        ({"question": "x" * 300_000}, (413, "too_large")),
        ({"question": "Why?", "admin": True}, (400, "bad_request")),
        ({"question": "Why?", "collection": "no name"}, (400, "bad_request")),
        (["Why?"], (400, "bad_request")),
    )
    for body, expected in ways:
        assert await code(console.post("/api/ask", json=body, headers=RIGHT)) == expected
    half = '{"question": "\\ud800"}'
    sent = {**RIGHT, "Content-Type": "application/json"}
    assert (await code(console.post("/api/ask", data=half, headers=sent)))[0] == 400
    assert await code(console.get("/api/query")) == (400, "bad_request")


async def test_every_reply_is_bound(console: aiohttp.ClientSession) -> None:
    """Text that slipped into the page as markup could run, or the page stand in another's frame."""
    for path in ("/", "/main.js", "/console.css", "/api/about", "/api/query", "/nowhere"):
        async with console.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "Set-Cookie" not in response.headers
            assert "Access-Control-Allow-Origin" not in response.headers
            assert TOKEN not in await response.text()


async def test_beyond_this_machine_nothing_is_shown_without_the_token(
    redis_server: RedisAddress, namespace: str
) -> None:
    """Everybody in the network could read questions and answers."""
    async with served(redis_server, namespace, host="0.0.0.0") as console:  # noqa: S104 - what is tested
        for path in ("live", "query?id=q", "passage?chunk_id=c", "dead", "letter?id=1-0"):
            assert await code(console.get(f"/api/{path}")) == (401, "token_needed")
        async with console.get("/api/about") as response:
            assert (await response.json())["may_read"] is False
        async with console.get("/api/dead", headers=RIGHT) as response:
            assert response.status == 200


async def test_the_page_says_that_redis_is_away_and_goes_on(tmp_path: Path, namespace: str) -> None:
    """An operator would look at a still picture while the pipeline is down."""
    with running_redis(tmp_path) as first:
        async with served(first, namespace) as console, console.get("/api/live") as response:
            looks = events(response)
            assert (await anext(looks))[1]["problem"] is None
            os.kill(first.pid, signal.SIGKILL)
            async for _, look in looks:
                if look["problem"]:
                    break
            assert look["problem"]["code"] == "redis_unavailable"
            assert await code(console.get("/api/dead")) == (503, "redis_unavailable")
            with running_redis(tmp_path, port=first.port):
                async for _, look in looks:
                    if look["pipeline"]:
                        break
            assert look["problem"] is None


async def test_many_pages_share_one_look(redis: Any, names: Namespace) -> None:
    """Each page that somebody leaves open would cost Redis as much as the first."""
    watch = Watch(every_s=60, visible_s=15, clock=time.monotonic)
    live = Live(redis, names, watch)
    first, *others = await asyncio.gather(*(live.latest() for _ in range(5)))
    assert all(other is first for other in others)


async def test_the_command_says_what_is_wrong(
    redis_server: RedisAddress, namespace: str, tmp_path: Path
) -> None:
    """An operator would get a traceback for a port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = await ragstream(redis_server, namespace, "console", "--port", port)
    assert (result.exit_code, f"port {port} cannot be used" in result.stderr) == (4, True)
    alone = Session(environ={"RAGSTREAM_STACK_DATA_DIR": str(tmp_path)})
    nothing = await asyncio.to_thread(CliRunner().invoke, cli, ["console"], obj=alone)
    assert nothing.exit_code == 6
