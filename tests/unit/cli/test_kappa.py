"""Agreement and kappa, held against scikit-learn's."""

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from services.cli.kappa import agreement, kappa, vote

LABELS = st.sampled_from(["answered", "abstained", "failed", "(abstained)", "yes", "no"])


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=60))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    """A paper that reports our kappa would report a number that nobody else gets."""
    first, second = zip(*pairs, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where kappa is not defined, and gives nan
        theirs = float(cohen_kappa_score(first, second))
    ours = kappa(first, second)
    assert math.isnan(theirs) if ours is None else math.isclose(ours, theirs, abs_tol=1e-12)


def test_known_values() -> None:
    """Perfect agreement would not be 1, nor the opposite -1."""
    assert kappa("abab", "abab") == 1
    assert kappa("abab", "baba") == -1
    assert kappa("aabb", "abab") == 0
    assert (kappa("", ""), kappa("aaa", "aaa"), kappa("aaa", "bbb")) == (None, None, 0)
    assert agreement("aab", "aaa") == pytest.approx(2 / 3)
    assert agreement("", "") is None


@pytest.mark.parametrize(
    ("labels", "won"), [("a", "a"), ("aba", "a"), ("abb", "b"), ("abc", None), ("aabbc", None)]
)
def test_a_vote_needs_more_than_half(labels: str, won: str | None) -> None:
    """Of three that all differ, one would win by its place."""
    assert vote(list(labels)) == won
