"""How a collection is searched, in a real Redis."""

from typing import Any

import pytest

from services.retriever.extent import Extents
from shared.generations import FIRST
from shared.streams import Namespace
from tests.integration.test_index import store


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


async def test_a_few_chunks_among_many_are_looked_at(redis: Any, names: Namespace) -> None:
    """A walk would pass nearly the whole graph before it met fifty chunks of the collection."""
    await store(redis, names, {"a": ["red oak"]})
    assert await Extents(redis).narrow(names.search_index(FIRST), "c")


async def test_no_index_is_no_fault_of_the_count(redis: Any, names: Namespace) -> None:
    """The first question of all would be told of an index, not of its unknown collection."""
    assert await Extents(redis).narrow(names.search_index(FIRST), "c")


async def test_what_is_counted_stays_known_for_a_while(redis: Any, names: Namespace) -> None:
    """Every question would count all chunks of its collection first."""
    now = 0.0
    asked = _Counting(redis)
    extents = Extents(asked, ticks=lambda: now)  # type: ignore[arg-type]  # a client that counts
    await store(redis, names, {"a": ["red oak"]})
    await extents.narrow(names.search_index(FIRST), "c")
    now = 9.0
    await extents.narrow(names.search_index(FIRST), "c")
    now = 11.0
    await extents.narrow(names.search_index(FIRST), "c")
    assert asked.times == 2
    extents.forget()
    await extents.narrow(names.search_index(FIRST), "c")
    assert asked.times == 3


class _Counting:
    """A client that knows how often it was asked."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self.times = 0

    def pipeline(self, **how: Any) -> Any:
        self.times += 1
        return self._redis.pipeline(**how)
