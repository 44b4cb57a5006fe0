"""The stack under attack: real Redis, real Triton, real workers, with a wire between them."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import redis.exceptions as redis_errors
from redis.asyncio import Redis

from services.cli.redis import url
from shared.client import RagstreamClient
from shared.messages import Chunk, Embed, encode_msgpack
from shared.redis import connect
from shared.streams import DATA
from tests.chaos.crew import WORKER, Crew
from tests.chaos.disk import Disk
from tests.chaos.ledger import NAMES
from tests.chaos.proxy import LOOPBACK, Proxy
from tests.chaos.servers import (
    MODELS,
    Server,
    drop_shared_memory,
    free_ports,
    redis_server,
    triton_server,
)

PASSWORD = "of the chaos"  # noqa: S105 - of a server that lives as long as this suite
VISIBILITY_S = 1.5
DOCUMENTS = {
    "tides": "Tides follow the moon. A spring tide comes at full moon. Neap tides are weak.",
    "bread": "Bread rises with yeast. Salt slows the yeast. A hot oven makes a thick crust.",
    "bees": "Bees dance to tell where food is. The angle of the dance is that to the sun.",
}
_KEPT = (NAMES.answers, NAMES.dead)  # what is meant to stay
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class ChaosStack:
    """Everything that can be attacked.

    Attributes:
        redis: the server, and `triton` likewise.
        disk: Redis's, as a power cut leaves it.
        redis_wire: what workers and publishers reach Redis through; `triton_wire` likewise.
        crew: the workers.
        redis_port: Redis's own, past the wire.
        metrics_port: of Triton's metrics.
        direct: client that goes past the wire and gives up at its first error.
    """

    redis: Server
    disk: Disk
    triton: Server
    redis_wire: Proxy
    triton_wire: Proxy
    crew: Crew
    redis_port: int
    metrics_port: int
    direct: Redis

    def client(self) -> RagstreamClient:
        """What upstream systems use, past the wire."""
        return RagstreamClient(url(self.redis_port), password=PASSWORD)

    def wired(self) -> Redis:
        """A client through the wire, that gives up at its first error."""
        return client_of(self.redis_wire.port)

    async def stages(self) -> list[str]:
        """Streams that must be empty in the end: all but answers, dead and tokens."""
        tokens = NAMES.tokens("")
        found = [key.decode() async for key in self.direct.scan_iter(_type="stream", count=1000)]
        return sorted(key for key in found if key not in _KEPT and not key.startswith(tokens))

    async def left(self) -> dict[str, int]:
        """Entries that are in a stage's stream or pending in one of its groups.

        All streams are looked at in one moment, or an entry that moves on could be missed.
        """
        streams = await self.stages()
        async with self.direct.pipeline(transaction=True) as pipe:
            for stream in streams:
                pipe.xlen(stream)
                pipe.xinfo_groups(stream)
            replies = await pipe.execute()
        counts = {
            stream: max(length, *(int(group["pending"]) for group in groups), 0)
            for stream, length, groups in zip(streams, replies[::2], replies[1::2], strict=True)
        }
        return {stream: count for stream, count in counts.items() if count}

    async def forget(self) -> None:
        """Remove answers and dead letters, for an account that begins anew."""
        await self.direct.delete(*_KEPT)

    async def settle(self, within_s: float) -> bool:
        """Wait until all streams are empty; False if some are not within `within_s` seconds."""
        deadline = time.monotonic() + within_s
        while await self._busy():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def _busy(self) -> bool:
        try:
            return bool(await self.left())
        except redis_errors.RedisError:  # a group that is just created anew
            return True


@asynccontextmanager
async def chaos_stack(
    folder: Path,
    *,
    fsync: str = "everysec",
    module: str = WORKER,
    counts: Mapping[str, int] | None = None,
    settings: Mapping[str, str] | None = None,
    wired: bool = True,
    models: Path = MODELS,
    triton_settings: Mapping[str, str] | None = None,
) -> AsyncIterator[ChaosStack]:
    """Run the stack, with a few documents in its index, until the block ends.

    Args:
        folder: data and logs.
        fsync: Redis's `appendfsync`.
        module: what is run for each worker.
        counts: how many of each worker; two of each if None.
        settings: variables of the workers, over those of the suite.
        wired: workers reach the servers through the wires; without, a measurement does not share
            this process with all that they say.
        models: Triton's model repository; the tiny ones of this suite, if none is given.
        triton_settings: variables of those models.
    """
    counts = counts or dict.fromkeys(("ingestor", "embedder", "retriever", "generator"), 2)
    redis_port, *triton_ports = free_ports(4)
    redis = redis_server(folder / "redis", redis_port, PASSWORD, fsync)
    triton = triton_server(folder / "triton", triton_ports, models, triton_settings or {})
    wires = Proxy(redis_port), Proxy(triton_ports[0])
    await asyncio.gather(*(wire.start() for wire in wires))
    reached = [wire.port for wire in wires] if wired else [redis_port, triton_ports[0]]
    crew = Crew(module, _environment(*reached) | dict(settings or {}), folder)
    disk = Disk(folder / "redis", loses=fsync != "always")
    stack = ChaosStack(
        redis, disk, triton, *wires, crew, redis_port, triton_ports[2], client_of(redis_port)
    )
    try:
        await asyncio.gather(redis.start(), triton.start())
        for name, count in counts.items():
            crew.hire(name, count)
        await _index(stack)
        yield stack
    finally:
        await crew.dismiss()
        await stack.direct.aclose()
        await asyncio.gather(*(wire.close() for wire in wires))
        await asyncio.gather(redis.kill(), triton.kill())
        drop_shared_memory(triton_ports[0])


def _environment(redis_port: int, triton_port: int) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RAGSTREAM_")}
    return inherited | {
        "RAGSTREAM_REDIS_URL": url(redis_port),
        "RAGSTREAM_REDIS_PASSWORD": PASSWORD,
        "RAGSTREAM_TRITON_URL": f"{LOOPBACK}:{triton_port}",
        "RAGSTREAM_HEALTH_PORT": "0",
        "RAGSTREAM_VISIBILITY_TIMEOUT_MS": str(int(VISIBILITY_S * 1000)),
        "RAGSTREAM_GRACE_PERIOD_S": "5",
        "RAGSTREAM_GENERATOR_ANSWER_TOKENS": "6",
    }


def client_of(port: int) -> Redis:
    """A client that never repeats a command: on a second connection WAITAOF waits for nothing."""
    return connect(url(port), PASSWORD)


async def _index(stack: ChaosStack) -> None:
    """Index the documents, and see them on the disk: without them no question has an answer."""
    async with stack.direct.pipeline(transaction=False) as pipe:
        for name, text in DOCUMENTS.items():
            pipe.xadd(NAMES.embed, {DATA: encode_msgpack(_chunked(name, text))})
        await pipe.execute()
    async with stack.client() as client:
        async for document in client.wait_ingested(DOCUMENTS, timeout_s=180):
            assert document.state == "ingested", document
    async with stack.direct.pipeline(transaction=False) as pipe:
        pipe.set("chaos", "began")  # the file is one log: with this, all before it is on the disk
        pipe.execute_command("WAITAOF", 1, 0, 5_000)
        await pipe.execute()


def _chunked(name: str, text: str) -> Embed:
    """What an ingestor makes of a document: the attack is on questions."""
    chunk = Chunk(text=text, tokens=len(text.split()))
    return Embed(
        document_id=name, collection="default", name=name, title=name, sha256="", chunks=(chunk,)
    )
