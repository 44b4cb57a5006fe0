"""What every open page shows: one look at the streams a second, however many pages are open."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis

from services.console import queries
from services.console.queries import QueryView
from services.console.replies import ErrorView
from shared import pipeline
from shared.errors import RagstreamError, RedisUnavailable
from shared.redis import told
from shared.stages import PipelineView, StageView, with_rates
from shared.streams import Namespace

_LONGEST_LOOK_S = 5.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look.

    Attributes:
        pipeline: every stage; None where it could not be looked at.
        queries: the newest ones.
        collections: what can be asked about.
        problem: why nothing could be seen.
    """

    pipeline: PipelineView | None = None
    queries: tuple[QueryView, ...] = ()
    collections: tuple[str, ...] = ()
    problem: ErrorView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How it is looked.

    Attributes:
        every_s: seconds between two looks.
        visible_s: silence after which a consumer's entries may be taken over by others; one that
            is silent for as long and holds nothing is left out.
        clock: monotonic seconds.
    """

    every_s: float
    visible_s: float
    clock: Callable[[], float]


class Live:
    """Looks while somebody looks on, and not otherwise.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        watch: how often, and who counts as gone.
    """

    def __init__(self, redis: Redis, names: Namespace, watch: Watch) -> None:
        self._redis = redis
        self._names = names
        self._watch = watch
        self._looking = asyncio.Lock()
        self._seen: Seen | None = None
        self._before: PipelineView | None = None
        self._at_s = 0.0

    @property
    def visible_s(self) -> float:
        """Silence after which a consumer counts as gone, seconds."""
        return self._watch.visible_s

    async def follow(self, is_over: Callable[[], bool]) -> AsyncGenerator[Seen]:
        """A look each `every_s` seconds, until `is_over` says so. An outage is a look, too."""
        while not is_over():
            yield await self.latest()
            await asyncio.sleep(self._watch.every_s)

    async def latest(self) -> Seen:
        """The last look, if it is no older than `every_s`; else a new one."""
        async with self._looking:
            now_s = self._watch.clock()
            if self._seen is None or now_s - self._at_s >= self._watch.every_s * 0.9:
                self._seen = await self._look()
                self._at_s = now_s
            return self._seen

    async def _look(self) -> Seen:
        try:
            async with asyncio.timeout(_LONGEST_LOOK_S):
                return await self._see()
        except TimeoutError:
            silent = RedisUnavailable(f"Redis does not answer within {_LONGEST_LOOK_S:g} s")
            return self._blind(silent)
        except RagstreamError as exc:
            return self._blind(exc)

    def _blind(self, error: RagstreamError) -> Seen:
        self._before = None  # rates over an outage would be no rates
        return Seen(problem=ErrorView.of(error))

    async def _see(self) -> Seen:
        view = await pipeline.look(self._redis, self._names)
        with told():
            collections: list[Any] = await self._redis.hkeys(self._names.collections)
        found = await queries.read(self._redis, self._names, view)
        rated = view if self._before is None else with_rates(self._before, view)
        self._before = view
        return Seen(
            pipeline=present(rated, self._watch.visible_s),
            queries=found,
            collections=tuple(sorted(name.decode() for name in collections)),
        )


def present(view: PipelineView, visible_s: float) -> PipelineView:
    """The look without consumers that are gone: Redis remembers their names for long."""
    return replace(view, stages=tuple(_present(stage, visible_s) for stage in view.stages))


def _present(stage: StageView, visible_s: float) -> StageView:
    here = [one for one in stage.consumers if one.pending or one.idle_s < visible_s]
    return replace(stage, consumers=tuple(here))
