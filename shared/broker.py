"""FastStream's broker over a Redis client whose reads outlast outages, fail-overs and lost groups.

FastStream alone waits 5 s after each failed read, ends the process when a consumer group is gone,
and starts a read anew without a pause after any other refusal.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import structlog
from faststream.redis import RedisBroker
from faststream.redis.configs import ConnectionState, RedisConnectionState
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.delivery import RetryPolicy
from shared.errors import RagstreamError
from shared.redis import connect_as, ensure_groups, translate
from shared.redis_url import full_url
from shared.telemetry import shorten

log = structlog.get_logger()

# A worker goes on within a second or so of Redis's return.
_PAUSES: Final = RetryPolicy(first_s=0.1, most_s=1.0)
# Reads wait 5 s at most. One that is silent for longer than this has lost its server; what it may
# have been given is claimed again after its time-out.
_READ_TIMEOUT_S: Final = "10"


class StreamRedis(Redis):
    """A client whose reads of streams return entries or nothing, and raise no error of Redis's."""

    async def xreadgroup(  # type: ignore[override] # redis-py types one method for both worlds
        self, groupname: str, consumername: str, streams: dict[Any, Any], **options: Any
    ) -> Any:
        """Read as a consumer of a group, which is created at 0 if it is gone."""
        read = partial(super().xreadgroup, groupname, consumername, streams, **options)
        return await self._outlast(read, [(stream, groupname) for stream in streams])

    async def xautoclaim(  # type: ignore[override] # as above
        self, name: str, groupname: str, consumername: str, min_idle_time: int, **options: Any
    ) -> Any:
        """Claim what a dead consumer left behind; the group is created at 0 if it is gone."""
        claim = partial(super().xautoclaim, name, groupname, consumername, min_idle_time, **options)
        return await self._outlast(claim, [(name, groupname)])

    async def _outlast(
        self, read: Callable[[], Awaitable[Any]], groups: Sequence[tuple[str, str]]
    ) -> Any:
        pauses = 0
        while True:
            try:
                reply = await read()
            except RedisError as exc:
                pauses += 1
                await self._mend(exc, groups, pauses)
            else:
                if pauses:
                    log.info("reading again", pauses=pauses)
                return reply

    async def _mend(
        self, error: RedisError, groups: Sequence[tuple[str, str]], pauses: int
    ) -> None:
        """Do what can be done about a failed read; else wait."""
        found = translate(error)
        log.warning("reading paused", code=found.code, reason=shorten(str(found)))
        if "NOGROUP" in str(error):
            try:
                await ensure_groups(self, groups)
            except RagstreamError as exc:  # told by the next read, too
                log.warning("no group created", reason=shorten(str(exc)))
            else:
                log.warning("group created anew", groups=list(groups))
                return
        await asyncio.sleep(_PAUSES.wait_s(pauses, random.uniform(0.5, 1)))  # noqa: S311 - jitter, no secret


class _Connection(RedisConnectionState):
    """FastStream's hold on its client, here one of ours."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    async def connect(self) -> "Redis":
        self._client = connect_as(StreamRedis, self._url)
        self._connected = True
        return self._client


class StreamBroker(RedisBroker):
    """A broker that reads streams through StreamRedis.

    Args:
        url: any URL that shared/redis.py knows, sentinels included.
        settings: as for RedisBroker.
    """

    def __init__(self, url: str, **settings: Any) -> None:
        self._url = full_url(url, socket_timeout=_READ_TIMEOUT_S)
        super().__init__(**settings)

    def _make_connection_state(
        self, _connection_options: dict[str, Any], _kwargs: dict[str, Any]
    ) -> ConnectionState[Any]:
        return _Connection(self._url)
