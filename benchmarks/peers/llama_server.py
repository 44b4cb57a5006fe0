"""llama.cpp's own server: started, asked, stopped."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import aiohttp

from benchmarks.prompts import Request
from services.cli.triton import LOOPBACK
from shared.errors import SetupError
from tests.triton_server import free_ports, stop

PROGRAM = "llama-server"
READY_WITHIN_S = 60


class LlamaServer:
    """A running llama-server, through its native `/completion`.

    Args:
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        # a connection a request: the server closes idle ones whenever it likes
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(url, connector=connector, timeout=timeout)

    async def close(self) -> None:
        """Close what is open."""
        await self._session.close()

    async def stream(self, request: Request) -> AsyncIterator[int]:
        """See `System.stream`; an event brings one token."""
        asked = {
            "prompt": request.prompt,
            "n_predict": request.new_tokens,
            "temperature": 0.0,
            "ignore_eos": True,
            "stream": True,
            "return_tokens": True,
        }
        async with self._session.post("/completion", json=asked) as response:
            response.raise_for_status()
            async for line in response.content:
                if line.startswith(b"data: "):
                    yield len(json.loads(line[6:]).get("tokens", ()))


@contextlib.contextmanager
def running(program: Path, weights: Path, options: Sequence[str], log: Path) -> Iterator[str]:
    """Start a server, wait until it is ready, stop it afterwards.

    Args:
        program: see `llama_build.build`.
        weights: a GGUF file.
        options: of the command line, beside those that say which weights and which port.
        log: takes what the server says.

    Yields:
        Its URL.

    Raises:
        SetupError: it does not start.
    """
    (port,) = free_ports(1)
    argv = [str(program), "--model", str(weights), "--host", LOOPBACK, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen([*argv, *options], stdout=output, stderr=output)  # noqa: S603 - our own command line
    try:
        url = f"http://{LOOPBACK}:{port}"
        _wait_ready(url, process, log)
        yield url
    finally:
        stop(process)


def _wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Poll the server's own readiness: it refuses connections, then answers 503, then 200."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{url}/health", timeout=1).close()  # noqa: S310 - http, loopback
            return
        time.sleep(0.05)
    raise SetupError(f"{PROGRAM} did not start:\n{log.read_text(errors='replace')[-3000:]}")
