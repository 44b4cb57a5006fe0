"""Which way a collection is searched."""

from typing import Any, Self, cast

import pytest
from redis.asyncio import Redis

from services.retriever.extent import Extents


class Counted:
    """A Redis with so many chunks of every collection among so many keys."""

    def __init__(self, chunks: int, keys: int) -> None:
        self._replies = ([chunks], keys)

    def pipeline(self, **_how: Any) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def execute_command(self, *_: object) -> None:
        pass

    def dbsize(self) -> None:
        pass

    async def execute(self, **_how: Any) -> tuple[list[int], int]:
        return self._replies


@pytest.mark.parametrize(
    ("chunks", "keys", "narrow"),
    [
        (1_000, 1_100, True),
        (10_000, 20_000, False),
        (100_000, 200_000, False),
        (1_000, 1_000_000, True),
        (40_000, 1_000_000, True),
        (1_000_000, 2_000_000, False),
    ],
)
async def test_the_faster_way_is_chosen(chunks: int, keys: int, narrow: bool) -> None:  # noqa: FBT001 - a case
    """A million vectors would be looked at one by one, or a graph walked for a handful of them."""
    extents = Extents(cast("Redis", Counted(chunks, keys)))
    assert await extents.narrow("n:chunks", "c") is narrow
