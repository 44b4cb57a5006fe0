"""How an entry is handled and committed: the one path on which every stage runs.

Promise: what an entry leads to happens exactly once. `commit` is one script on the server that
acknowledges the entry and, only if that succeeded, applies its effects; a second worker that
holds the same entry finds it acknowledged and changes nothing.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

import redis.exceptions as redis_errors
import structlog
from redis.asyncio import Redis

from shared import tracing
from shared.claims import Claims
from shared.counting import Counting
from shared.errors import (
    AttemptsExhausted,
    Outage,
    Overloaded,
    Permanent,
    RagstreamError,
    SetupError,
    Transient,
    Undecodable,
    Unwanted,
)
from shared.metrics import Metrics
from shared.redis import translate
from shared.spans import Tracer
from shared.streams import Effect, Entry, Namespace, bury
from shared.telemetry import shorten
from shared.timing import Stopwatch

log = structlog.get_logger()
M = TypeVar("M")
R = TypeVar("R")
CONFLICT = 3

# KEYS: the entry's stream, the once key (the stream again for none), then one key per effect.
# ARGV: group, entry id, seconds to keep the once key, then per effect: command, n, n arguments.
# `#!lua` makes Redis refuse the whole script when memory is full, before it has done anything.
_COMMIT = """#!lua
local at = 4
for number = 3, #KEYS do
  if ARGV[at] == 'EXPECT' then
    local found = redis.call('HGET', KEYS[number], ARGV[at + 2]) or ''
    if found ~= ARGV[at + 3] then return 3 end
  end
  at = at + 2 + tonumber(ARGV[at + 1])
end
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XDEL', KEYS[1], ARGV[2])
if KEYS[2] ~= KEYS[1] and not redis.call('SET', KEYS[2], ARGV[2], 'NX', 'EX', ARGV[3]) then
  return 2
end
at = 4
for number = 3, #KEYS do
  local last = at + 1 + tonumber(ARGV[at + 1])
  if ARGV[at] ~= 'EXPECT' then
    redis.call(ARGV[at], KEYS[number], unpack(ARGV, at + 2, last))
  end
  at = last + 1
end
return 1
"""


async def _at_once() -> None:
    """There is always room."""


@dataclass(frozen=True, slots=True)
class Stage(Generic[M]):
    """What one worker does with the entries of one stream.

    Attributes:
        stream: key it reads.
        group: consumer group it reads with.
        decode: entry to message; raises Permanent where the bytes are no such message.
        handle: message to effects; raises an error of shared/errors.py.
        fail: effects that tell whoever waits that it failed; the message is None where it
            could not be decoded.
        once: key that must not exist yet for the effects to apply, or None.
        concurrency: entries worked on at once, above 0.
        room: returns once the stage behind this one has room; work on an entry begins after that.
    """

    stream: str
    group: str
    decode: Callable[[Entry], M]
    handle: Callable[[Entry, M], Awaitable[Sequence[Effect]]]
    fail: Callable[[Entry, M | None, RagstreamError], Sequence[Effect]]
    once: Callable[[Entry, M | None], str | None] = lambda _entry, _message: None
    concurrency: int = 1
    room: Callable[[], Awaitable[None]] = _at_once


@dataclass(frozen=True, slots=True)
class Outcome(Generic[M]):
    """What handling an entry led to.

    Attributes:
        message: what was read from it; None where it could not be decoded.
        effects: what the commit is to apply.
        error: why it failed or is not wanted any more; None if it was handled.
    """

    message: M | None
    effects: Sequence[Effect]
    error: RagstreamError | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter.

    Attributes:
        max_attempts: tries of one entry in all, deliveries after a crash included.
        first_s: longest first wait, seconds.
        most_s: longest wait, seconds.
    """

    max_attempts: int = 5
    first_s: float = 0.2
    most_s: float = 10.0

    def wait_s(self, attempt: int, chance: float) -> float:
        """Seconds to wait after a failed `attempt` (from 1); `chance` is in 0..1."""
        return chance * min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 30))


def classify(error: Exception) -> RagstreamError:
    """The one place that says what an error means for its entry.

    Errors of the tree stay what they are, those of Redis are mapped where Redis is known;
    anything unforeseen may be a passing fault, so it is tried again, up to the cap.
    """
    match error:
        case RagstreamError():
            return error
        case redis_errors.RedisError():
            return translate(error)
        case _:
            return Transient(f"{type(error).__name__}: {error}")


class Delivery:
    """Runs stages over one Redis connection pool.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        consumer: this worker's name in its groups.
        visibility_timeout_ms: idle time after which others may claim our entries.
        query_retention_s: seconds a once key is kept.
        retry: policy for transient errors.
        metrics: where to count; shown to nobody if None.
        clock: seconds since the epoch.
        chance: random numbers in 0..1 for the jitter.
        tracer: shows what is done; None shows nothing.
    """

    def __init__(  # noqa: PLR0913 - all but three have a default, and are there for few
        self,
        redis: Redis,
        names: Namespace,
        consumer: str,
        *,
        visibility_timeout_ms: int = 15_000,
        query_retention_s: int = 86_400,
        retry: RetryPolicy | None = None,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        tracer: Tracer | None = None,
    ) -> None:
        self._names = names
        self._retention_s = query_retention_s
        self._retry = retry or RetryPolicy()
        self._counting = Counting(metrics or Metrics("worker"))
        self._clock = clock
        self._chance = chance
        self._tracer = tracer
        self._commit = redis.register_script(_COMMIT)
        self.claims = Claims(redis, consumer, visibility_timeout_ms)
        self.outage: str | None = None

    async def process(self, stage: Stage[M], entry: Entry) -> None:
        """Handle one entry to its end: committed, or dead-lettered, or left to be claimed."""
        with (
            structlog.contextvars.bound_contextvars(stream=entry.stream, entry=entry.id),
            self._counting.in_flight(entry),
            tracing.followed(self._tracer, stage.group, entry),
        ):
            await self._finish(stage, entry)

    async def _finish(self, stage: Stage[M], entry: Entry) -> None:
        watch, result = Stopwatch(entry, self._clock), CONFLICT
        while result == CONFLICT:  # what the effects were made from has changed meanwhile
            found = await self._outcome(stage, entry)
            once = stage.once(entry, found.message)
            result = await self._outlast(partial(self.commit, stage, entry, found.effects, once))
        tracing.committed(result)
        log.debug("entry committed", result=result)
        self._counting.ended(entry, found.message, found.effects, found.error, result, watch.read())

    async def _outcome(self, stage: Stage[M], entry: Entry) -> Outcome[M]:
        """What the entry leads to."""
        message: M | None = None
        try:
            message = tracing.joined(_decoded(stage, entry))
            return Outcome(message, await self._attempts(stage, entry, message))
        except Permanent as error:
            tracing.failed(error)
            log.warning("entry failed", code=error.code, reason=shorten(str(error)))
            effects = [*stage.fail(entry, message, error), self._dead(entry, error)]
            return Outcome(message, effects, error)
        except Unwanted as error:
            tracing.failed(error)
            return Outcome(message, stage.fail(entry, message, error), error)

    async def _attempts(self, stage: Stage[M], entry: Entry, message: M) -> Sequence[Effect]:
        most, last = self._retry.max_attempts, None
        for attempt in range(entry.deliveries, most + 1):
            counted = replace(entry, deliveries=attempt)
            try:
                with tracing.working(attempt):
                    return await self._outlast(partial(stage.handle, counted, message))
            except Transient as error:
                last = error
                log.warning("attempt failed", attempt=attempt, reason=shorten(str(error)))
            if attempt < most:
                self._counting.retried(entry)
                await asyncio.sleep(self._retry.wait_s(attempt, self._chance()))
        tried = most if last else entry.deliveries - 1
        reason = str(last) if last else "its worker died each time"
        raise AttemptsExhausted(f"gave up after {tried} attempts: {reason}", attempts=tried)

    async def _outlast(self, act: Callable[[], Awaitable[R]]) -> R:
        """Repeat an act while a server is away or full: neither is counted as an attempt."""
        pauses = 0
        while True:
            try:
                result = await act()
            except Exception as exc:
                error = classify(exc)
                # a server that refuses us has been set up anew under our feet: wait for it too
                if not isinstance(error, Outage | Overloaded | SetupError):
                    raise error from exc
                pauses += 1
                await self._pause(error, pauses)
            else:
                self.outage = None
                return result

    async def _pause(self, error: RagstreamError, pauses: int) -> None:
        """Wait before the next try.

        A full server works, so its worker is no less ready; and it has room again soon, so the
        waits do not grow.
        """
        self._counting.paused(error)
        tracing.note("paused", code=error.code)
        if isinstance(error, Overloaded):
            self.outage = None
            log.info("waiting for room", reason=shorten(str(error)))
            await asyncio.sleep(error.retry_after_s * (1 + self._chance()))
            return
        self.outage = f"{error.code}: {error}"
        log.warning("paused", outage=shorten(self.outage))
        await asyncio.sleep(self._retry.wait_s(pauses, self._chance()))

    async def commit(
        self, stage: Stage[M], entry: Entry, effects: Sequence[Effect], once: str | None = None
    ) -> int:
        """Acknowledge the entry and apply its effects, in one step on the server.

        Returns:
            1 if applied; 0 if somebody else had finished the entry; 2 if `once` existed, so
            that the entry was a duplicate and only removed; CONFLICT if an expectation among
            the effects did not hold, so that nothing was done.

        Raises:
            redis.exceptions.RedisError: nothing was done.
        """
        keys = [entry.stream, once or entry.stream, *(effect.key for effect in effects)]
        arguments: list[bytes | str | int | float] = [stage.group, entry.id, self._retention_s]
        for effect in effects:
            arguments += [effect.command, len(effect.arguments), *effect.arguments]
        return int(await self._commit(keys=keys, args=arguments))

    def _dead(self, entry: Entry, error: Permanent) -> Effect:
        if isinstance(error, AttemptsExhausted):
            entry = replace(entry, deliveries=error.attempts)
        now_ms = int(self._clock() * 1000)
        return bury(self._names, entry, code=error.code, reason=str(error), now_ms=now_ms)


def _decoded(stage: Stage[M], entry: Entry) -> M:
    """The entry's message; whatever a decoder stumbles over will be there the next time, too."""
    try:
        return stage.decode(entry)
    except Permanent:
        raise
    except Exception as exc:
        raise Undecodable(f"{type(exc).__name__}: {exc}") from exc
