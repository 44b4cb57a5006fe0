"""A real Redis Cluster for tests: three masters and a replica of each, on loopback.

Nodes may be killed and started again; slots may be moved the way operators move them.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import redis.exceptions as errors
from redis.asyncio import Redis
from redis.crc import key_slot

from shared.redis import connect
from tests.chaos.servers import free_ports
from tests.redis_server import RedisAddress, running_redis

MASTERS: Final = 3
PASSWORD: Final = "of the cluster"  # noqa: S105 - of servers that live as long as a test
_SLOTS: Final = 16_384
_WITHIN_S: Final = 60.0
_POLL_S: Final = 0.05
_DOWN_AFTER_MS: Final = 2_000


@dataclass(slots=True)
class Node:
    """One server, and a client of it alone.

    Attributes:
        folder: its data.
        port: where it listens, also after a restart.
        bus: where the other nodes reach it.
        client: gives up at its first error.
        server: who serves there now.
        id: its name in the cluster.
    """

    folder: Path
    port: int
    bus: int
    client: Redis
    server: RedisAddress | None = None
    id: str = ""

    async def do(self, *words: str | int) -> Any:
        """Run a command."""
        return await self.client.execute_command(*words)


@dataclass(slots=True)
class Cluster:
    """The nodes, the first three of them masters at first, each followed by the next three's."""

    nodes: Sequence[Node]
    search: bool
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """What a client is given: some nodes, the last of which need not be masters."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    async def start(self, node: Node) -> None:
        """Start a node, on the data that it had before."""
        lines = [
            "cluster-enabled yes",
            "cluster-config-file nodes.conf",
            f"cluster-port {node.bus}",
            f"cluster-node-timeout {_DOWN_AFTER_MS}",
            "cluster-require-full-coverage no",  # one master's death is its namespaces' alone
            f'masterauth "{PASSWORD}"',
            "repl-diskless-sync-delay 0",
        ]
        server = running_redis(
            node.folder, search=self.search, password=PASSWORD, port=node.port, lines=lines
        )
        node.server = await asyncio.to_thread(self._running.enter_context, server)

    def kill(self, node: Node) -> None:
        """SIGKILL it."""
        assert node.server is not None
        os.kill(node.server.pid, signal.SIGKILL)

    async def owner(self, namespace: str) -> Node:
        """The node that owns a namespace's slot, as most nodes see it."""
        slot, seen = key_slot(namespace.encode()), []
        for node in self.nodes:
            try:
                shards = await node.do("CLUSTER", "SLOTS")
            except errors.RedisError:
                continue
            seen += [shard[2][1] for shard in shards if shard[0] <= slot <= shard[1]]
        return next(node for node in self.nodes if node.port == max(seen, key=seen.count))

    async def move(self, namespace: str, target: Node, *, pause_s: float = 0.0) -> int:
        """Move a namespace's slot, key by key, until a replica has them; gives the number of keys.

        Args:
            namespace: whose slot.
            target: a master that gets it.
            pause_s: to wait after each hundred keys, which then lie on both nodes.
        """
        slot, source = key_slot(namespace.encode()), await self.owner(namespace)
        await target.do("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        await source.do("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        moved, to = 0, ("127.0.0.1", target.port, "", 0, 10_000, "AUTH", PASSWORD, "KEYS")
        while keys := await source.do("CLUSTER", "GETKEYSINSLOT", slot, 100):
            await source.do("MIGRATE", *to, *keys)
            moved += len(keys)
            await asyncio.sleep(pause_s)
        for node in (target, source, *(one for one in self.nodes if one not in (target, source))):
            try:
                await node.do("CLUSTER", "SETSLOT", slot, "NODE", target.id)
            except errors.ResponseError as exc:  # a replica hears it from its master
                if "with masters" not in str(exc):
                    raise
        await _replicated(target, f"{namespace}:moved")
        return moved

    async def settled(self) -> None:
        """Wait until each slot has a living master with a replica that follows it."""
        await until(self._whole)

    async def _whole(self) -> bool:
        for node in self.nodes:
            info = await node.client.info("replication")
            linked = info.get("master_link_status") == "up" or info.get("connected_slaves") == 1
            state: Any = await node.do("CLUSTER", "INFO")
            known = f"cluster_known_nodes:{len(self.nodes)}".encode() in state
            if not (linked and known and b"cluster_state:ok" in state):
                return False
        return True


@asynccontextmanager
async def running_cluster(folder: Path, *, search: bool = False) -> AsyncIterator[Cluster]:
    """Run a cluster until the block ends.

    Args:
        folder: a folder in it for each node.
        search: load the search module.
    """
    ports = free_ports(4 * MASTERS)
    nodes = [
        Node(folder / str(port), port, bus, connect(f"redis://127.0.0.1:{port}", PASSWORD))
        for port, bus in zip(ports[::2], ports[1::2], strict=True)
    ]
    cluster = Cluster(nodes, search)
    async with AsyncExitStack() as clients:
        for node in nodes:
            clients.push_async_callback(node.client.aclose)
        with cluster._running:  # noqa: SLF001 - its servers are this block's
            try:
                for node in nodes:
                    await cluster.start(node)
                await _form(cluster)
                yield cluster
            finally:  # told to end, one that is just in a fork would take seconds
                for node in nodes:
                    with suppress(AssertionError, ProcessLookupError):
                        cluster.kill(node)


async def _form(cluster: Cluster) -> None:
    """Give each master a third of the slots, and a replica."""
    masters, replicas = cluster.nodes[:MASTERS], cluster.nodes[MASTERS:]
    for number, node in enumerate(cluster.nodes):
        await node.do("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        node.id = (await node.do("CLUSTER", "MYID")).decode()
    for number, node in enumerate(masters):
        first, last = number * _SLOTS // MASTERS, (number + 1) * _SLOTS // MASTERS - 1
        await node.do("CLUSTER", "ADDSLOTSRANGE", first, last)
    for node in cluster.nodes[1:]:
        await node.do("CLUSTER", "MEET", "127.0.0.1", masters[0].port, masters[0].bus)
    for node, master in zip(replicas, masters, strict=True):

        async def follows(node: Node = node, master: Node = master) -> bool:
            await node.do("CLUSTER", "REPLICATE", master.id)
            return True

        await until(follows)
    await cluster.settled()


async def _replicated(node: Node, key: str) -> None:
    """Wait until a replica has all that the node has; WAIT speaks of what its connection wrote."""
    async with node.client.pipeline(transaction=False) as pipe:
        pipe.set(key, 1, ex=60)
        pipe.execute_command("WAIT", 1, 10_000)
        _, replicas = await pipe.execute()
    assert replicas, "no replica has what was moved"


def namespaces_on_each_master() -> list[str]:
    """A namespace for each of the masters, in their order."""
    found: dict[int, str] = {}
    for number in range(100):
        name = f"{{rag-{number}}}"
        found.setdefault(key_slot(name.encode()) * MASTERS // _SLOTS, name)
    return [found[number] for number in range(MASTERS)]


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = _WITHIN_S) -> None:
    """Poll until it holds; what Redis says while it is away does not count."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if await holds():
                return
        except errors.RedisError:
            pass
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(_POLL_S)
