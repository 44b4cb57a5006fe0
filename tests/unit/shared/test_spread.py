"""Where a question falls to, and several subscriptions read as one."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from hypothesis import given
from hypothesis import strategies as st

from shared.spread import _merged, home

THREE = ["{rag-0}", "{rag-1}", "{rag-2}"]


def test_other_languages_find_the_same_home() -> None:
    """A publisher in another language would put a question's second copy elsewhere."""
    found = {query_id: home(query_id, THREE) for query_id in ("a", "b", "c", "ü")}
    assert found == {"a": "{rag-0}", "b": "{rag-0}", "c": "{rag-2}", "ü": "{rag-1}"}


def test_questions_are_spread_evenly() -> None:
    """One namespace would carry the load of all."""
    counts = Counter(home(f"q-{number}", THREE) for number in range(3_000))
    assert all(900 < counts[name] < 1_100 for name in THREE)


@given(st.text(max_size=200), st.permutations(THREE))
def test_a_new_namespace_takes_and_shuffles_nothing(query_id: str, names: list[str]) -> None:
    """With one namespace more, ids that are known would be answered again all over."""
    before, after = home(query_id, names), home(query_id, [*names, "{rag-3}"])
    assert before == home(query_id, THREE)
    assert after in {before, "{rag-3}"}


async def test_all_sources_are_read_and_closed() -> None:
    """One silent namespace would hold up the others, or a subscription stay open for ever."""
    used: list[str] = []

    async def source(name: str, count: int) -> AsyncGenerator[str]:
        try:
            for _ in range(count):
                yield name
                used.append(name)
        finally:
            used.append(f"{name} closed")

    async with aclosing(_merged([source("a", 3), source("b", 1)])) as items:
        assert sorted([item async for item in items]) == ["a", "a", "a", "b"]
    async with aclosing(_merged([source("c", 2)])) as items:
        assert await anext(items) == "c"
        assert "c" not in used, "acknowledged before it was used"
    assert "c closed" in used


async def test_a_source_that_misses_a_cancel_is_cancelled_again() -> None:
    """A subscription would hang at its end, as redis-py's reads let it now and then."""

    async def deaf() -> AsyncGenerator[str]:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()
        yield "never"

    async def once() -> AsyncGenerator[str]:
        yield "a"

    async with asyncio.timeout(10), aclosing(_merged([deaf(), once()])) as items:
        assert await anext(items) == "a"
