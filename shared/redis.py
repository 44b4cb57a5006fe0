"""Connections to Redis, and the checks that a worker makes before it starts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import redis.exceptions as errors
import structlog
from redis.asyncio import Redis

from shared.errors import (
    MissingSearchModule,
    RagstreamError,
    RedisRefused,
    RedisUnavailable,
    Transient,
)
from shared.settings import CommonSettings

log = structlog.get_logger()

# FT.* replies and stream replies change their shape under RESP3, redis-py's default.
# A reply may take long where a big commit is on its way; redis-py's default of 5 s is as long as
# our own blocking reads.
_OPTIONS = "protocol=2&socket_timeout=30&socket_connect_timeout=5"


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
_HINTS: Final[Mapping[type[RagstreamError], str]] = {
    RedisRefused: "Redis does not let us in: {}. Check RAGSTREAM_REDIS_URL, "
    "RAGSTREAM_REDIS_PASSWORD and the user's rights.",
    RedisUnavailable: "Redis is away: {}",
}


def translate(error: errors.RedisError) -> RagstreamError:
    """Map redis-py's error to the tree. What is unknown may pass: it is transient."""
    if "unknown command" in str(error).lower() and "FT." in str(error):
        return MissingSearchModule(
            "this Redis has no FT.* commands: use Redis 8, or load its search module"
        )
    if str(error).startswith("MISCONF"):  # cannot write to its disk
        return RedisUnavailable(_HINTS[RedisUnavailable].format(error))
    for theirs, ours in _MEANING:
        if isinstance(error, theirs):
            return ours(_HINTS[ours].format(error))
    return Transient(f"{type(error).__name__}: {error}")


@contextmanager
def told() -> Iterator[None]:
    """Raise redis-py's errors as ours."""
    try:
        yield
    except errors.RedisError as exc:
        raise translate(exc) from exc


def full_url(url: str, password: str = "") -> str:
    """The URL with its password and the reply protocol in it. Never to be logged."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username or ""
    secret = password or unquote(parts.password or "")
    login = f"{user}:{quote(secret, safe='')}@" if user or secret else ""
    query = "&".join(filter(None, [parts.query, _OPTIONS]))
    return urlunsplit(parts._replace(netloc=login + host, query=query))


def connect(url: str, password: str = "") -> Redis:
    """A client that returns bytes, with a pool of its own; it connects at its first command."""
    return Redis.from_url(full_url(url, password))


def url_from(settings: CommonSettings) -> str:
    """The full URL for this process's settings. Never to be logged."""
    return full_url(settings.redis_url, settings.redis_password.get_secret_value())


async def check(redis: Redis, *, search: bool = False) -> None:
    """See that Redis answers, lets us in, and can do what the worker needs.

    Args:
        redis: the client.
        search: FT.* commands are needed.

    Raises:
        RedisUnavailable: cannot be reached, or still loads its data.
        RedisRefused: wrong password, or the user may not do this.
        MissingSearchModule: no FT.* commands.
    """
    with told():
        await _warn_about_durability(redis)
        if search:
            await redis.execute_command("FT._LIST")


async def _warn_about_durability(redis: Redis) -> None:
    """Say so when this Redis may lose or evict what it has accepted."""
    info = await redis.info("everything")
    if not info.get("aof_enabled"):
        log.warning("Redis runs without AOF: a crash loses accepted questions")
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        log.warning("Redis may evict keys", policy=info["maxmemory_policy"])


async def ensure_groups(redis: Redis, groups: Iterable[tuple[str, str]]) -> None:
    """Create each (stream, group) at 0 if it is missing, so that what came before is read."""
    for stream, group in groups:
        try:
            await redis.xgroup_create(stream, group, id="0", mkstream=True)
        except errors.ResponseError as exc:
            if "BUSYGROUP" not in str(exc):
                raise
