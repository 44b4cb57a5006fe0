"""Is a part ready? Each probe returns "" if so, else why not, in words for a person.

A probe never raises for a server that is away; the one who asks decides how long to go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import psutil
import redis.asyncio
import redis.exceptions

from services.cli.ports import HOST

Probe = Callable[[], Awaitable[str]]
TIMEOUT_S = 2.0


def redis_ready(url: str, password: str) -> Probe:
    """Ready when Redis answers PING: then it has loaded its data, too."""

    async def probe() -> str:
        client = redis.asyncio.Redis.from_url(
            url, password=password or None, socket_timeout=TIMEOUT_S
        )
        try:
            await client.ping()
        except (redis.exceptions.RedisError, OSError) as exc:
            return f"Redis: {exc}"
        finally:
            await client.aclose()
        return ""

    return probe


def triton_ready(address: str, models: Sequence[str]) -> Probe:
    """Ready when Triton's gRPC port says that the server and these models are."""
    # Here, for it takes half a second, and only a stack with a Triton in it should wait for that.
    import tritonclient.grpc.aio as triton  # noqa: PLC0415
    from tritonclient.utils import InferenceServerException  # noqa: PLC0415

    async def probe() -> str:
        client = triton.InferenceServerClient(address)
        try:
            if not await client.is_server_ready(client_timeout=TIMEOUT_S):
                return "Triton loads its models"
            missing = [
                name
                for name in models
                if not await client.is_model_ready(name, client_timeout=TIMEOUT_S)
            ]
        except InferenceServerException as exc:
            return f"Triton: {exc.message()}"
        finally:
            await client.close()
        return f"Triton has no ready model {', '.join(missing)}" if missing else ""

    return probe


def stubs_run(program: Path, models: Sequence[str]) -> Probe:
    """Ready when each model has its process; Triton goes on calling one ready that has none.

    Args:
        program: the server's own copy of the python backend's stub.
        models: their names, as the repository has them.
    """

    async def probe() -> str:
        served = await asyncio.to_thread(_served, program)
        lost = [name for name in models if name not in served]
        return f"Triton has no process of {', '.join(lost)}" if lost else ""

    return probe


def _served(program: Path) -> set[str]:
    """Models of the stub's processes, whose first argument is <model>/<version>/model.py."""
    found = psutil.process_iter(["cmdline"])
    commands = [process.info["cmdline"] or [] for process in found]  # a dead one has none
    return {Path(line[1]).parts[-3] for line in commands if line[:1] == [str(program)]}


def all_ready(*probes: Probe) -> Probe:
    """Ready when all are; otherwise what the first one lacks."""

    async def probe() -> str:
        for one in probes:
            if why_not := await one():
                return why_not
        return ""

    return probe


def http_ready(port: int, path: str = "/readyz") -> Probe:
    """Ready when a GET on loopback gives 200; otherwise the body's first line says why not."""

    async def probe() -> str:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, body = await _get(port, path)
        except (OSError, TimeoutError) as exc:
            return f"{path}: {exc or 'no answer'}"
        return "" if status == b"200" else f"{path}: {status.decode()} {body}".strip()

    return probe


async def _get(port: int, path: str) -> tuple[bytes, str]:
    """Status and first line of a response's body."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        await writer.drain()
        head, _, body = (await reader.read(65_536)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    words = head.split(b" ", 2)
    return words[1] if len(words) > 1 else b"", body.decode("utf-8", "replace").split("\n")[0]
