"""Triton ends old connections in Kubernetes, so that workers come to know new pods."""

import asyncio
import re
from pathlib import Path

from shared.triton import Triton
from tests.k8s.manifests import overlay, workloads
from tests.triton_server import running_triton

TINY_MODELS = Path(__file__).parents[1] / "chaos" / "models"
AGE_MS = 400
STREAMS, TOKENS = 4, 300  # of 5 ms each: longer than three connections live


async def test_a_connection_that_ends_takes_nothing_along(tmp_path: Path) -> None:
    """Each minute some questions would fail, or be answered anew."""
    given = workloads(overlay("production"))["triton"].main["args"]
    text = " ".join(word for word in given if "connection-age" in word)
    options = re.sub(r"connection-age=\d+", f"connection-age={AGE_MS}", text).split()
    with running_triton(TINY_MODELS, tmp_path, options=options) as ports:
        triton = Triton(ports.grpc_address)
        streams = [asyncio.create_task(_stream(triton)) for _ in range(STREAMS)]
        while not all(stream.done() for stream in streams):
            assert len((await triton.embed(["What do tides follow?"])).vectors) == 1
        assert [await stream for stream in streams] == [TOKENS] * STREAMS
        await triton.close()


async def _stream(triton: Triton) -> int:
    return sum([p.completion_tokens async for p in triton.generate("Why?", max_tokens=TOKENS)])
