"""Whether a collection is better searched by looking at every vector or by walking the graph.

RediSearch chooses for itself if it is let: it looked at each of 100,000 vectors (33 ms) where the
graph gave the same ten in 3 ms, and gives up after half a second.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from services.retriever import search

_FRESH_S = 10.0
_SHARE = 1_000  # a count is kept that many times as long as it took: it costs a thousandth at most
_MOST_COLLECTIONS = 1_000
# A walk takes about 40 times as long for a result as a look at one vector does, and has to bring
# 50 * keys / chunks results to find 50 of the collection: from chunks ** 2 = 50 * 40 * keys on it
# is the faster way (docs/retrieval.md).
_WALK = 2_000


@dataclass(slots=True)
class Extents:
    """How many chunks each collection has, counted now and then.

    Attributes:
        redis: client that returns bytes.
        ticks: seconds on a clock that never goes back.
    """

    redis: Redis
    ticks: Callable[[], float] = time.monotonic
    _known: dict[tuple[str, str], tuple[bool, float]] = field(default_factory=dict)

    async def narrow(self, search_index: str, collection: str) -> bool:
        """Whether a search of this index had better look at every vector of a collection."""
        searched = (search_index, collection)
        narrow, until = self._known.get(searched, (True, 0.0))
        if (begun := self.ticks()) >= until:
            self._known[searched] = (narrow, begun + _FRESH_S)  # others need not count as well
            narrow = await self._counted(*searched)
            ended = self.ticks()
            self._keep(searched, narrow, ended + max(_FRESH_S, _SHARE * (ended - begun)))
        return narrow

    def forget(self) -> None:
        """Count anew: what is known is no longer so."""
        self._known.clear()

    async def _counted(self, search_index: str, collection: str) -> bool:
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.execute_command(*search.count(search_index, collection))
            pipe.dbsize()
            counted, keys = await pipe.execute(raise_on_error=False)
        if isinstance(counted, ResponseError):
            return True  # there is no index yet: the search says what that means
        if isinstance(counted, Exception):
            raise counted
        return int(counted[0]) ** 2 < _WALK * int(keys)

    def _keep(self, searched: tuple[str, str], narrow: bool, until: float) -> None:  # noqa: FBT001 - what is known
        self._known.pop(searched, None)
        self._known[searched] = (narrow, until)
        if len(self._known) > _MOST_COLLECTIONS:
            del self._known[next(iter(self._known))]
