"""Known beginnings are found, and what was used longest ago goes first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prefix_cache import PrefixCache

IDS = st.lists(st.integers(0, 2), max_size=20)


def keep(cache: PrefixCache, ids: list[int]) -> None:
    cache.keep(ids, lambda start, stop: np.array(ids[start:stop]))


def found(cache: PrefixCache, ids: list[int]) -> list[int]:
    return [int(token) for block in cache.match(ids) for token in block]


@given(st.lists(IDS, max_size=6), IDS)
def test_what_is_found_is_the_prompts_beginning(kept: list[list[int]], ids: list[int]) -> None:
    """A prompt would be answered from another one's passages."""
    cache = PrefixCache(1000, block_tokens=4)
    for other in kept:
        keep(cache, other)
    beginning = found(cache, ids)
    assert beginning == ids[: len(beginning)]
    assert len(beginning) < max(len(ids), 1)


def test_the_same_prompt_leaves_only_its_last_block() -> None:
    """The same document asked again would be read again."""
    cache = PrefixCache(1000, block_tokens=4)
    keep(cache, list(range(12)))
    assert found(cache, list(range(12))) == list(range(8))
    assert found(cache, [*range(12), 99]) == list(range(12))


@given(st.lists(IDS, max_size=10))
def test_it_stays_within_its_bound(kept: list[list[int]]) -> None:
    """Memory would grow with every prompt."""
    cache = PrefixCache(16, block_tokens=4)
    for ids in kept:
        keep(cache, ids)
        assert cache.tokens <= 16


def test_what_was_used_longest_ago_goes_first() -> None:
    """A prompt's fixed head would be forgotten although every prompt has it."""
    cache = PrefixCache(12, block_tokens=4)
    keep(cache, [0] * 4 + [1] * 4)
    keep(cache, [2] * 4)
    assert found(cache, [0] * 4 + [9]) == [0] * 4
    keep(cache, [3] * 4)
    assert found(cache, [0] * 4 + [9]) == [0] * 4
    assert found(cache, [2] * 4 + [9]) == [2] * 4


def test_no_room_keeps_nothing() -> None:
    """Switched off, it would keep blocks all the same."""
    cache = PrefixCache(0, block_tokens=4)
    keep(cache, [1] * 8)
    assert cache.tokens == 0
