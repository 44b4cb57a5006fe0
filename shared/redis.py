"""Connections to Redis, and the checks that a worker makes before it starts.

One URL says where it is: see shared/redis_url.py.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import redis.exceptions as errors
from redis.asyncio import Redis

from shared import cluster, sentinel
from shared.errors import (
    MissingSearchModule,
    RagstreamError,
    RedisRefused,
    RedisUnavailable,
    SettingsError,
    Transient,
)
from shared.redis_url import full_url, is_cluster

R = TypeVar("R", bound=Redis)

# Faults of certificates and of TLS itself: unlike a connection that breaks, they do not heal.
_TLS_FAULT = re.compile(
    r"\[SSL: \w*(CERTIFICATE|UNKNOWN_CA|WRONG_VERSION|RECORD_LAYER|HANDSHAKE_FAILURE)\w*\]"
)

# In order: redis-py's AuthenticationError is a ConnectionError too.
_MEANING: Final[Sequence[tuple[type[errors.RedisError], type[RagstreamError]]]] = (
    (errors.AuthenticationError, RedisRefused),
    (errors.NoPermissionError, RedisRefused),
    (errors.ConnectionError, RedisUnavailable),
    (errors.TimeoutError, RedisUnavailable),
    (errors.ReadOnlyError, RedisUnavailable),
    (errors.OutOfMemoryError, RedisUnavailable),
    (errors.MasterDownError, RedisUnavailable),
    (errors.ClusterDownError, RedisUnavailable),
)
# A slot is on its way, or has moved (MovedError is an AskError): nothing was done.
_MOVING: Final = (errors.AskError, errors.TryAgainError)
_MOVING_HINT: Final = (
    "the namespace's slot moves to another node of the cluster, or has moved ({}): it is served "
    "again once it is there, to whom RAGSTREAM_REDIS_URL begins with redis+cluster or "
    "rediss+cluster."
)
# Servers say these without an error class of redis-py's: no disk, too few replicas, no leader.
_AWAY: Final = ("MISCONF", "NOREPLICAS", "UNBLOCKED")
_HINTS: Final[Mapping[type[RagstreamError], str]] = {
    RedisRefused: "Redis does not let us in: {}. Check RAGSTREAM_REDIS_URL, "
    "RAGSTREAM_REDIS_PASSWORD and the user's rights.",
    RedisUnavailable: "Redis is away: {}",
}
_NO_INDEX: Final = (
    "this Redis has no search index of the namespace: it was dropped, or stayed at the node that "
    "its slot has left. It is made anew with the next document, or when a retriever starts."
)
_TLS_HINT: Final = (
    "no TLS connection to Redis: {}. Check that RAGSTREAM_REDIS_URL begins with rediss where "
    "Redis speaks TLS and names a host of its certificate, and RAGSTREAM_REDIS_CA_FILE, "
    "RAGSTREAM_REDIS_CERT_FILE and RAGSTREAM_REDIS_KEY_FILE."
)


def translate(error: errors.RedisError) -> RagstreamError:
    """Map redis-py's error to the tree. What is unknown may pass: it is transient."""
    if found := _by_words(str(error)):
        return found
    if isinstance(error, _MOVING):
        return RedisUnavailable(_MOVING_HINT.format(error))
    for theirs, ours in _MEANING:
        if isinstance(error, theirs):
            return ours(_HINTS[ours].format(str(error).rstrip(".")))
    return Transient(f"{type(error).__name__}: {error}")


def _by_words(words: str) -> RagstreamError | None:
    """What redis-py has no class for."""
    if "unknown command" in words.lower() and "FT." in words:
        return MissingSearchModule(
            "this Redis has no FT.* commands: use Redis 8, or load its search module"
        )
    if "no such index" in words.lower():
        return RedisUnavailable(_NO_INDEX)
    if _TLS_FAULT.search(words):
        return RedisRefused(_TLS_HINT.format(words))
    if words.startswith(_AWAY):
        return RedisUnavailable(_HINTS[RedisUnavailable].format(words))
    return None


@contextmanager
def told() -> Iterator[None]:
    """Raise redis-py's errors as ours."""
    try:
        yield
    except errors.RedisError as exc:
        raise translate(exc) from exc


def connect(url: str, password: str = "", *, namespace: str = "", **options: str) -> Redis:
    """A client that returns bytes, with a pool of its own; it connects at its first command.

    It never repeats a command by itself: only we know which may be sent twice.

    Args:
        url: where Redis is.
        password: of the URL's user.
        namespace: whose keys it is for; it is of use for these alone where Redis is a cluster.
        options: arguments of redis-py's connections.

    Raises:
        SettingsError: a URL is none, or names no sentinel or no master, no node, or no namespace in
            braces.
    """
    return connect_as(Redis, full_url(url, password, namespace=namespace, **options))


def connect_as(kind: type[R], url: str) -> R:
    """The same with a client class of one's own, from a full URL."""
    parts = urlsplit(url)
    if parts.scheme.endswith("+sentinel"):
        return sentinel.master(kind, parts)
    if is_cluster(url):
        return cluster.owner(kind, parts)
    try:
        client: Any = kind.from_url(url)
    except ValueError as exc:  # its words name the schemes, and never the URL
        raise SettingsError(f"RAGSTREAM_REDIS_URL cannot be used: {exc}") from exc
    return cast("R", client)  # redis-py says that any class gives its own


async def check(redis: Redis, *, search: bool = False) -> None:
    """See that Redis answers, lets us in, and can do what the worker needs.

    Args:
        redis: the client.
        search: FT.* commands are needed.

    Raises:
        RedisUnavailable: cannot be reached, or still loads its data.
        RedisRefused: wrong password or certificate, or the user may not do this.
        MissingSearchModule: no FT.* commands.
    """
    with told():
        await _warn(redis)
        if search:
            await redis.execute_command("FT._LIST")


async def _warn(redis: Redis) -> None:
    """Say so when this Redis may lose or evict what it has accepted, or move it away."""
    import structlog  # noqa: PLC0415 - slow, and only workers come here

    log = structlog.get_logger()
    info = await redis.info("everything")
    if info.get("cluster_enabled") and not isinstance(redis.connection_pool, cluster.OwnerPool):
        log.warning("this Redis is a node of a cluster: only redis+cluster:// follows its slots")
    if not info.get("aof_enabled"):
        log.warning("Redis runs without AOF: a crash loses accepted questions")
    elif await _appendfsync(redis) == "no":
        log.warning("Redis leaves writing to the system (appendfsync no): a crash loses minutes")
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        log.warning("Redis may evict keys", policy=info["maxmemory_policy"])


async def _appendfsync(redis: Redis) -> str:
    """When Redis writes to its disk; "" where we may not ask, as with k8s/bases/redis/users.acl."""
    with suppress(errors.ResponseError):
        found: dict[Any, Any] = await redis.config_get("appendfsync")
        return str(found.get("appendfsync", ""))
    return ""


async def ensure_groups(redis: Redis, groups: Iterable[tuple[str, str]]) -> None:
    """Create each (stream, group) at 0 if it is missing, so that what came before is read.

    Raises:
        RedisUnavailable, RedisRefused: some may be missing still.
    """
    for stream, group in groups:
        try:
            await redis.xgroup_create(stream, group, id="0", mkstream=True)
        except errors.RedisError as exc:
            if "BUSYGROUP" not in str(exc):
                raise translate(exc) from exc
