"""Where Redis is, as one URL, read and completed. Nothing here connects.

`redis://`, `rediss://` (TLS), `unix://`; where sentinels know the master
`redis+sentinel://user@host1:26379,host2:26379/mymaster/0`; and a Redis Cluster, by some of its
nodes, as `redis+cluster://user@host1:6379,host2:6379` (`rediss+…` with TLS to all of them).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from redis.asyncio.connection import parse_url

from shared.settings import CommonSettings

# FT.* replies and stream replies change their shape under RESP3, redis-py's default.
# A reply may take long where a big commit is on its way; redis-py's default of 5 s is as long as
# our own blocking reads.
_OPTIONS: Final = {"protocol": "2", "socket_timeout": "30", "socket_connect_timeout": "5"}


def full_url(url: str, password: str = "", *, namespace: str = "", **options: str) -> str:
    """The URL with its password and its options in it. Never to be logged.

    Args:
        url: where Redis is; its user name, if it has one, is the ACL user.
        password: of that user; "" keeps the one in the URL.
        namespace: whose keys are meant, which a cluster spreads over nodes; other URLs need none.
        options: arguments of redis-py's connections; they win over those in the URL.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username or ""
    secret = password or unquote(parts.password or "")
    login = f"{user}:{quote(secret, safe='')}@" if user or secret else ""
    query = urlencode({**_OPTIONS, **dict(parse_qsl(parts.query)), **options})
    meant = namespace and is_cluster(url)
    path = f"/{quote(namespace)}" if meant else parts.path
    return urlunsplit(parts._replace(netloc=login + host, path=path, query=query))


def url_from(settings: CommonSettings, namespace: str = "") -> str:
    """The full URL for one namespace of this process's settings. Never to be logged."""
    given = {
        "ssl_ca_certs": settings.redis_ca_file,
        "ssl_certfile": settings.redis_cert_file,
        "ssl_keyfile": settings.redis_key_file,
        "sentinel_password": settings.redis_sentinel_password.get_secret_value(),
    }
    options = {name: str(value) for name, value in given.items() if value}
    password = settings.redis_password.get_secret_value()
    namespace = namespace or settings.namespace
    return full_url(settings.redis_url, password, namespace=namespace, **options)


def is_cluster(url: str) -> bool:
    """Whether it leads to a Redis Cluster."""
    return urlsplit(url).scheme.endswith("+cluster")


def nodes_of(url: SplitResult, port: int) -> list[tuple[str, int]]:
    """Hosts and ports that a URL names; `port` where one names none."""
    hosts = url.netloc.rpartition("@")[2].split(",")
    pairs = [host.partition(":") for host in hosts if host]
    return [(host, int(given or port)) for host, _, given in pairs]


def options_of(url: SplitResult, query: Mapping[str, str], database: str = "") -> dict[str, Any]:
    """Arguments of redis-py's connections, all but the address; `ssl` says whether by TLS."""
    login = url.netloc.rpartition("@")[0]
    plain = SplitResult("redis", f"{login}@node", f"/{database}", urlencode(query), "")
    options: dict[str, Any] = {**parse_url(urlunsplit(plain)), "ssl": url.scheme[:6] == "rediss"}
    del options["host"]  # each connection asks for it
    return options
