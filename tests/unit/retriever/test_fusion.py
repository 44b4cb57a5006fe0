"""Reciprocal rank fusion."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.retriever.fusion import fuse

ranking = st.tuples(st.floats(0.1, 1.0), st.lists(st.sampled_from("abcdefgh"), unique=True))


def test_what_both_find_beats_what_one_prefers() -> None:
    """A passage that only one search likes would come first."""
    assert next(iter(fuse([(1.0, ["a", "b"]), (1.0, ["c", "b"])]))) == "b"


def test_the_formula() -> None:
    """Scores in answers would not be those that the docs explain."""
    rankings = [(0.7, ["a", "b"]), (0.3, ["b"])]
    assert fuse(rankings, k=60) == pytest.approx({"b": 0.7 / 62 + 0.3 / 61, "a": 0.7 / 61})


@given(st.lists(ranking, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_the_rankings_does_not_matter(
    rankings: list[tuple[float, list[str]]], random: Random
) -> None:
    """The same question would give other passages from run to run."""
    shuffled = list(rankings)
    random.shuffle(shuffled)
    assert list(fuse(rankings).items()) == list(fuse(shuffled).items())


@given(st.lists(ranking, max_size=4))
def test_nothing_is_lost_and_nothing_invented(rankings: list[tuple[float, list[str]]]) -> None:
    """A passage would vanish between the searches and the prompt."""
    assert set(fuse(rankings)) == {found for _, one in rankings for found in one}
