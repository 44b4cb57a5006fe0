"""The names of those who claim entries: forgotten when they are gone."""

from redis.asyncio import Redis

# Forgets consumers that have long asked for nothing and hold nothing. XGROUP DELCONSUMER throws
# away what a consumer holds, so the look at that is in the same script. Who was only slow is known
# again at its next read.
_FORGET = """#!lua flags=allow-oom
local forgotten = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local known = {}
  for at = 1, #consumer, 2 do known[consumer[at]] = consumer[at + 1] end
  if known['pending'] == 0 and known['idle'] >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], known['name'])
    forgotten = forgotten + 1
  end
end
return forgotten
"""


async def forget_gone(redis: Redis, stream: str, group: str, idle_ms: int) -> int:
    """Remove from a group the names of consumers that are gone and hold nothing.

    Each restart brings a new name; without this, groups would grow for ever.

    Args:
        redis: any client.
        stream: key of the stream.
        group: its consumer group.
        idle_ms: how long a consumer has not asked for anything.

    Returns:
        How many there were.

    Raises:
        redis.exceptions.RedisError: some may still be there.
    """
    return int(await redis.register_script(_FORGET)(keys=[stream], args=[group, idle_ms]))
