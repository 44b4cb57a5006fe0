"""Back-pressure: publishers are told when to come back, and bulk runs wait at their entrance."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.errors import Overloaded

# KEYS: the stream to publish to, then those of the stages behind it, then, if a name is given, the
# hash of names that were published before.
# ARGV: high-water mark, payload or "" to look only, the name or "", seconds to keep that hash.
_PUBLISH = """#!lua
local stages, name = #KEYS, ARGV[3]
if name ~= '' then
  stages = stages - 1
  if redis.call('HEXISTS', KEYS[#KEYS], name) == 1 then return {} end
end
for number = 1, stages do
  local waiting = redis.call('XLEN', KEYS[number])
  if waiting >= tonumber(ARGV[1]) then
    -- no XRANGE: a publisher needs no right to read what others asked
    local now, read_ms = redis.call('TIME'), 0
    local group = redis.call('XINFO', 'GROUPS', KEYS[number])[1] or {}
    for at = 1, #group, 2 do
      if group[at] == 'last-delivered-id' then
        read_ms = tonumber(string.match(group[at + 1], '^%d+'))
      end
    end
    local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
    return {KEYS[number], waiting, read_ms > 0 and now_ms - read_ms or 0}
  end
end
if ARGV[2] ~= '' then
  local entry_id = redis.call('XADD', KEYS[1], '*', '__data__', ARGV[2])
  if name ~= '' then
    redis.call('HSET', KEYS[#KEYS], name, entry_id)
    redis.call('EXPIRE', KEYS[#KEYS], ARGV[4])
  end
end
return {}
"""
_SHORTEST_S, _LONGEST_S = 0.5, 60.0
_LOOK_EVERY_S = 0.1
_ROOM = 0.1  # share of the mark that shall be free when the publisher comes back


def retry_after_s(waited_ms: float) -> float:
    """Seconds until a tenth of the mark is free again, 0.5..60.

    What was read last had waited behind the whole queue, so its age tells how fast the stage is:
    a queue of n entries moved n in `waited_ms`, and a tenth of them takes a tenth of that.
    """
    return min(_LONGEST_S, max(_SHORTEST_S, waited_ms / 1000 * _ROOM))


@dataclass(frozen=True, slots=True)
class Once:
    """A name under which one message is published, and no second one while it is remembered.

    Attributes:
        key: hash of such names, each with the entry id of its message.
        name: the message's.
        kept_s: seconds that the hash is kept after its last name.
    """

    key: str
    name: str
    kept_s: int


class Publisher:
    """Adds messages to edge streams while there is room behind them.

    Args:
        redis: client that returns bytes.
        high_water: entries of any one stage past which nothing more is published, above 0.
    """

    def __init__(self, redis: Redis, high_water: int) -> None:
        self._script = redis.register_script(_PUBLISH)
        self._high_water = high_water

    async def publish(
        self, stages: Sequence[str], payload: bytes, once: Once | None = None
    ) -> None:
        """Add a message to the first of `stages`, if each has room.

        Args:
            stages: keys of the stream to publish to and of those behind it.
            payload: the message's bytes; "" to look for room only.
            once: its name, where it must not be published twice; then this may be called again
                after an outage that left open whether it was.

        Raises:
            Overloaded: one has not; nothing was published.
        """
        keys = [*stages, once.key] if once else list(stages)
        named = (once.name, once.kept_s) if once else ("", 0)
        args: list[int | bytes | str] = [self._high_water, payload, *named]
        full = await self._script(keys=keys, args=args)
        if full:
            stream, waiting, waited_ms = full
            wait_s = retry_after_s(max(0, int(waited_ms)))
            raise Overloaded(
                f"{waiting} entries wait on {bytes(stream).decode()}, the mark is "
                f"{self._high_water}: try again in {wait_s:.1f} s",
                retry_after_s=wait_s,
            )

    async def check(self, stages: Sequence[str]) -> None:
        """Look whether there is room.

        Raises:
            Overloaded: one of the stages is full.
        """
        await self.publish(stages, b"")


def room_behind(redis: Redis, stream: str, most: int) -> Callable[[], Awaitable[None]]:
    """A wait for room on the stage behind, for lanes that must not run ahead of it.

    A question alone is small; with its vector and its passages it is large, and work done on it
    long before the generator comes to it takes the processors from those who wait.

    Args:
        redis: client of the worker.
        stream: key of the next stage's stream.
        most: entries on it, those in hand included, past which to wait.
    """

    async def wait() -> None:
        with suppress(RedisError):  # an outage: the commit will meet it
            while await redis.xlen(stream) >= most:  # noqa: ASYNC110 - Redis sends no event for this
                await asyncio.sleep(_LOOK_EVERY_S)

    return wait
