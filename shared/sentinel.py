"""A client of whichever Redis the sentinels name as master, asked at each new connection."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, parse_qsl

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from shared.errors import SettingsError
from shared.redis_url import nodes_of, options_of

R = TypeVar("R", bound=Redis)
_PORT: Final = 26_379


def master(kind: type[R], url: SplitResult) -> R:
    """A client of whichever Redis the sentinels name as master.

    Raises:
        SettingsError: the URL names no sentinel or no master.
    """
    service, _, database = url.path.strip("/").partition("/")
    sentinels = nodes_of(url, _PORT)
    if not sentinels or not service:
        raise SettingsError(f"{url.scheme}:// wants host:port[,host:port]/master_name[/database]")
    query = dict(parse_qsl(url.query))
    password = query.pop("sentinel_password", None)
    options = options_of(url, query, database)
    ask = _of_sentinels(options, password)
    asked = _Sentinels(sentinels, sentinel_kwargs=ask, **options)  # type: ignore[no-untyped-call] # redis-py's constructor has no types
    client: R = asked.master_for(service, redis_class=kind, connection_pool_class=_MasterPool)
    return client


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


def _of_sentinels(options: Mapping[str, Any], password: str | None) -> dict[str, Any]:
    """Options for the sentinels: a silent one must not hold up a fail-over, nor be tried again."""
    same = {name: value for name, value in options.items() if name.startswith(("ssl", "socket_"))}
    short = {"socket_timeout": options["socket_connect_timeout"], "protocol": options["protocol"]}
    return {**same, **short, "password": password, "retry": Retry(NoBackoff(), 0)}
