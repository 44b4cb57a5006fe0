"""Is a part ready? Asked of real servers, and of nothing at all."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from services.cli import ports, probes, triton
from services.cli.probes import Probe
from services.model_builder.build import build
from tests import tiny_models
from tests.model_code import REPOSITORY
from tests.redis_server import RedisAddress
from tests.triton_server import running_triton


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


async def test_a_triton_whose_model_lost_its_process_is_not_ready(tmp_path: Path) -> None:
    """Triton calls such a model ready for ever; nobody would start it anew."""
    weights = shutil.ignore_patterns("grader", "*.onnx", "*.data", "*.json", "__pycache__", ".*")
    repository = shutil.copytree(REPOSITORY, tmp_path / "repository", ignore=weights)
    own = str(tiny_models.write_own_embedder(tmp_path / "own"))
    generator = str(tiny_models.write_own_generator(tmp_path / "own-generator"))
    build(repository, tmp_path / "cache", embedder=own, generator=generator, report=print)
    folder, models = tmp_path / "triton", ["embedder"]
    with running_triton(repository, folder, models=models) as found:
        probe = probes.all_ready(
            probes.triton_ready(found.grpc_address, models),
            probes.stubs_run(triton.stub_program(folder), models),
        )
        assert await probe() == ""
        [stub] = [
            process
            for process in psutil.process_iter(["cmdline"])
            if (process.info["cmdline"] or [""])[0] == str(triton.stub_program(folder))
        ]
        stub.kill()
        async with asyncio.timeout(10):
            while await probe() == "":  # noqa: ASYNC110 - no event tells of another's child
                await asyncio.sleep(0.02)
        assert await probe() == "Triton has no process of embedder"
