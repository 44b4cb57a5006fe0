"""A client of whichever node of a Redis Cluster holds a namespace.

All keys of a namespace share a hash tag and so a slot, which one node owns at a time. Towards one
namespace a cluster is therefore one Redis that may move, as behind sentinels: each new connection
asks some node who owns the slot, and is closed at the first sign that another one does. So what
is true of one Redis stays true here: pipelines, scripts and blocking reads are those of one node,
and no command is repeated behind our back.
"""

import random
import weakref
from collections.abc import Sequence
from typing import Any, Final, TypeVar, cast
from urllib.parse import SplitResult, parse_qsl, unquote

from redis.asyncio import Redis
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's name for it
    MovedError,
    ResponseError,
    TimeoutError,  # noqa: A004 - as above
)

from shared.errors import RedisRefused, SettingsError
from shared.redis_url import nodes_of, options_of

R = TypeVar("R", bound=Redis)
Address = tuple[str, int]
_PORT: Final = 6_379


def owner(kind: type[R], url: SplitResult) -> R:
    """A client of whichever node owns the slot of the namespace that is the URL's path.

    Raises:
        SettingsError: the URL names no node, or no namespace in braces.
    """
    nodes, namespace = nodes_of(url, _PORT), unquote(url.path.strip("/"))
    if not nodes:
        raise SettingsError(f"{url.scheme}:// wants host:port[,host:port]")
    if not namespace.startswith("{"):
        raise SettingsError(
            f"on a Redis Cluster the namespace stands in braces, as {{rag}}: not {namespace!r}"
        )
    options = options_of(url, dict(parse_qsl(url.query)))
    client: Any = kind.from_pool(OwnerPool(key_slot(namespace.encode()), nodes, options))
    return cast("R", client)  # redis-py says that any class gives its own


def owner_of(slot: int, shards: Sequence[Any], asked: str) -> Address | None:
    """Who owns a slot.

    Args:
        slot: its number.
        shards: reply to CLUSTER SLOTS: first slot, last slot, the master and its replicas, each a
            list that begins with host and port.
        asked: host of the node that replied; it names itself, and others whose host it does not
            know, by an empty one.

    Returns:
        None if no node has it.
    """
    for first, last, master, *_ in shards:
        if first <= slot <= last:
            host, port = master[:2]
            return (host or b"").decode() or asked, int(port)
    return None


class _OwnerConnection(Connection):
    """A connection to the slot's owner, closed once it is no longer that."""

    def __init__(self, *, pool: "OwnerPool", **options: Any) -> None:
        super().__init__(**options)
        self._pool = pool

    async def connect(self) -> None:
        if not self.is_connected:
            self.host, self.port = await self._pool.owner()
        await super().connect()  # type: ignore[no-untyped-call] # redis-py's has no types

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a reply.

        Raises:
            ConnectionError: the slot has moved, or its owner sees too little of the cluster to
                serve it. Not a ResponseError, after which a pipeline would read on.
        """
        try:
            return await super().read_response(*args, **options)
        except (MovedError, ClusterDownError) as exc:
            await self.disconnect()
            raise ConnectionError(f"this node does not serve the slot: {exc}") from exc


class _OwnerTlsConnection(_OwnerConnection, SSLConnection):
    """The same with TLS."""


class OwnerPool(ConnectionPool):
    """Connections to the owner of a slot.

    Args:
        slot: its number.
        nodes: whom to ask for the owner.
        options: arguments of the connections, but for the address.
    """

    def __init__(self, slot: int, nodes: Sequence[Address], options: dict[str, Any]) -> None:
        # a silent node must not hold up a fail-over, nor be tried again before the next one
        short_s, once = options["socket_connect_timeout"], Retry(NoBackoff(), 0)
        asking = {**options, "socket_timeout": short_s, "retry": once}
        self._nodes = [(host, Redis(host=host, port=port, **asking)) for host, port in nodes]
        self._slot = slot
        self._owner: Address | None = None
        ours = {name: value for name, value in options.items() if name != "ssl"}
        kind = _OwnerTlsConnection if options["ssl"] else _OwnerConnection
        super().__init__(kind, pool=weakref.proxy(self), **ours)

    async def owner(self) -> Address:
        """Ask who owns the slot; connections that lie idle towards another node are closed.

        Raises:
            redis.exceptions.RedisError: nobody can be asked, or lets us in, or owns it.
            RedisRefused: who was asked is no node of a cluster.
        """
        found = await self._ask()
        if found != self._owner:
            self._owner = found
            await self.disconnect(inuse_connections=False)
        return found

    async def _ask(self) -> Address:
        silent: Exception = ConnectionError(f"no node owns slot {self._slot}")
        for host, node in random.sample(self._nodes, len(self._nodes)):
            try:
                shards = await node.execute_command("CLUSTER", "SLOTS")
            except AuthenticationError:  # a ConnectionError, but another node would say the same
                raise
            except (ConnectionError, TimeoutError) as exc:
                silent = exc
            except ResponseError as exc:
                if "cluster support disabled" not in str(exc):
                    raise
                raise RedisRefused(
                    "this Redis is no cluster: RAGSTREAM_REDIS_URL wants "
                    "redis:// or rediss:// for it"
                ) from exc
            else:
                if found := owner_of(self._slot, shards, host):
                    return found
        raise silent

    async def aclose(self) -> None:
        """Close them, and those to whom was asked."""
        await super().aclose()
        for _, node in self._nodes:
            await node.aclose()
