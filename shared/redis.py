"""Connections to Redis, and the checks that a worker makes before it starts.

One URL says it all: `redis://`, `rediss://` (TLS), `unix://`, or, where sentinels know the master,
`redis+sentinel://user@host1:26379,host2:26379/mymaster/0` (`rediss+sentinel://` with TLS to both).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar, cast
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import redis.exceptions as errors
import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from shared.errors import (
    MissingSearchModule,
    RagstreamError,
    RedisRefused,
    RedisUnavailable,
    SettingsError,
    Transient,
)
from shared.settings import CommonSettings

log = structlog.get_logger()
R = TypeVar("R", bound=Redis)

# FT.* replies and stream replies change their shape under RESP3, redis-py's default.
# A reply may take long where a big commit is on its way; redis-py's default of 5 s is as long as
# our own blocking reads.
_OPTIONS: Final = {"protocol": "2", "socket_timeout": "30", "socket_connect_timeout": "5"}
_SENTINEL_PORT: Final = 26_379
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
# Servers say these without an error class of redis-py's: no disk, too few replicas, no leader.
_AWAY: Final = ("MISCONF", "NOREPLICAS", "UNBLOCKED")
_HINTS: Final[Mapping[type[RagstreamError], str]] = {
    RedisRefused: "Redis does not let us in: {}. Check RAGSTREAM_REDIS_URL, "
    "RAGSTREAM_REDIS_PASSWORD and the user's rights.",
    RedisUnavailable: "Redis is away: {}",
}
_TLS_HINT: Final = (
    "no TLS connection to Redis: {}. Check that RAGSTREAM_REDIS_URL begins with rediss where "
    "Redis speaks TLS and names a host of its certificate, and RAGSTREAM_REDIS_CA_FILE, "
    "RAGSTREAM_REDIS_CERT_FILE and RAGSTREAM_REDIS_KEY_FILE."
)


def translate(error: errors.RedisError) -> RagstreamError:
    """Map redis-py's error to the tree. What is unknown may pass: it is transient."""
    if "unknown command" in str(error).lower() and "FT." in str(error):
        return MissingSearchModule(
            "this Redis has no FT.* commands: use Redis 8, or load its search module"
        )
    if _TLS_FAULT.search(str(error)):
        return RedisRefused(_TLS_HINT.format(error))
    if str(error).startswith(_AWAY):
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


def full_url(url: str, password: str = "", **options: str) -> str:
    """The URL with its password and its options in it. Never to be logged.

    Args:
        url: where Redis is; its user name, if it has one, is the ACL user.
        password: of that user; "" keeps the one in the URL.
        options: arguments of redis-py's connections; they win over those in the URL.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username or ""
    secret = password or unquote(parts.password or "")
    login = f"{user}:{quote(secret, safe='')}@" if user or secret else ""
    query = urlencode({**_OPTIONS, **dict(parse_qsl(parts.query)), **options})
    return urlunsplit(parts._replace(netloc=login + host, query=query))


def url_from(settings: CommonSettings) -> str:
    """The full URL for this process's settings. Never to be logged."""
    given = {
        "ssl_ca_certs": settings.redis_ca_file,
        "ssl_certfile": settings.redis_cert_file,
        "ssl_keyfile": settings.redis_key_file,
        "sentinel_password": settings.redis_sentinel_password.get_secret_value(),
    }
    options = {name: str(value) for name, value in given.items() if value}
    return full_url(settings.redis_url, settings.redis_password.get_secret_value(), **options)


def connect(url: str, password: str = "", **options: str) -> Redis:
    """A client that returns bytes, with a pool of its own; it connects at its first command.

    It never repeats a command by itself: only we know which may be sent twice.

    Raises:
        SettingsError: a sentinel URL names no sentinel or no master.
    """
    return connect_as(Redis, full_url(url, password, **options))


def connect_as(kind: type[R], url: str) -> R:
    """The same with a client class of one's own, from a full URL."""
    parts = urlsplit(url)
    if parts.scheme.endswith("+sentinel"):
        return _master(kind, parts)
    client: Any = kind.from_url(url)
    return cast("R", client)  # redis-py says that any class gives its own


class _Sentinels(Sentinel):
    """Sentinels whose own errors are told: redis-py says no more than that there is no master."""

    async def discover_master(self, service_name: str) -> Any:
        try:
            return await super().discover_master(service_name)
        except MasterNotFoundError:
            await self.sentinels[0].ping()  # raises what keeps us from asking it
            raise MasterNotFoundError(f"no sentinel knows a live master {service_name}") from None


class _MasterPool(SentinelConnectionPool):
    """Connections to the master that close those to the sentinels with them."""

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def _master(kind: type[R], url: SplitResult) -> R:
    """A client of whichever Redis the sentinels name as master, asked at each new connection."""
    login, _, hosts = url.netloc.rpartition("@")
    service, _, database = url.path.strip("/").partition("/")
    sentinels = [_host_and_port(host) for host in hosts.split(",") if host]
    if not sentinels or not service:
        raise SettingsError(f"{url.scheme}:// wants host:port[,host:port]/master_name[/database]")
    query = dict(parse_qsl(url.query))
    password = query.pop("sentinel_password", None)
    plain = SplitResult("redis", f"{login}@master", f"/{database}", urlencode(query), "")
    options: dict[str, Any] = {**parse_url(urlunsplit(plain)), "ssl": url.scheme[:6] == "rediss"}
    del options["host"]  # each connection asks the sentinels for it
    ask = _of_sentinels(options, password)
    asked = _Sentinels(sentinels, sentinel_kwargs=ask, **options)  # type: ignore[no-untyped-call] # redis-py's constructor has no types
    client: R = asked.master_for(service, redis_class=kind, connection_pool_class=_MasterPool)
    return client


def _of_sentinels(options: Mapping[str, Any], password: str | None) -> dict[str, Any]:
    """Options for the sentinels: a silent one must not hold up a fail-over, nor be tried again."""
    same = {name: value for name, value in options.items() if name.startswith(("ssl", "socket_"))}
    short = {"socket_timeout": options["socket_connect_timeout"], "protocol": options["protocol"]}
    return {**same, **short, "password": password, "retry": Retry(NoBackoff(), 0)}


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.partition(":")
    return host, int(port or _SENTINEL_PORT)


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
        await _warn_about_durability(redis)
        if search:
            await redis.execute_command("FT._LIST")


async def _warn_about_durability(redis: Redis) -> None:
    """Say so when this Redis may lose or evict what it has accepted."""
    info = await redis.info("everything")
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
