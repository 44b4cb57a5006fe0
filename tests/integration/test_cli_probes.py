"""Is a part ready? Asked of real servers, and of nothing at all."""

import asyncio
from collections.abc import Callable

import pytest

from services.cli import ports, probes
from services.cli.probes import Probe
from tests.redis_server import RedisAddress


def free_port() -> int:
    return ports.choose({"x": 0})["x"]


async def answer_with(response: bytes) -> tuple[asyncio.Server, int]:
    """A server that gives every request the same response."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, ports.HOST, 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "make",
    [
        lambda port: probes.redis_ready(f"redis://{ports.HOST}:{port}/0", "x"),
        lambda port: probes.triton_ready(f"{ports.HOST}:{port}", ["embedder"]),
        probes.http_ready,
    ],
    ids=["redis", "triton", "http"],
)
async def test_a_server_that_is_away_is_not_ready(make: Callable[[int], Probe]) -> None:
    """A probe that raises would end the supervisor while a part starts."""
    assert await make(free_port())()


async def test_redis_is_ready_for_its_password_alone(redis_server: RedisAddress) -> None:
    """Another program's Redis on the port would be taken for ours."""
    assert await probes.redis_ready(redis_server.url, redis_server.password)() == ""
    assert "password" in await probes.redis_ready(redis_server.url, "wrong")()


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nready", ""),
        (b"HTTP/1.1 503 No\r\n\r\nTriton is away\nmore", "/readyz: 503 Triton is away"),
        (b"", "/readyz:"),
    ],
)
async def test_a_worker_says_why_it_is_not_ready(response: bytes, said: str) -> None:
    """`status` would show that a worker waits, and not for what."""
    server, port = await answer_with(response)
    async with server:
        assert await probes.http_ready(port)() == said
