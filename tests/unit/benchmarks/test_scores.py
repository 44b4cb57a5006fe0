"""How rankings are judged."""

import math

import pytest

from benchmarks.finding.scores import ndcg, quality, recall, reciprocal_rank


def test_the_gain_is_of_what_could_be_had() -> None:
    """A question with two answers would never count as answered fully."""
    assert ndcg([7, 1, 2], {7}) == 1
    assert ndcg([1, 7, 2], {7}) == pytest.approx(1 / math.log2(3))
    assert ndcg([7, 8, 1], {7, 8}) == 1
    assert ndcg([1, 2], {7}) == 0


def test_only_the_first_ten_count() -> None:
    """A peer that returns more would be judged by more."""
    late = [*range(10), 77]
    assert ndcg(late, {77}) == 0
    assert reciprocal_rank(late, {77}) == 0
    assert recall([0, 1, 2, 3, 4, 77], {77}) == 0


def test_figures_are_means_over_questions() -> None:
    """One question with many answers would weigh more than the others."""
    found = quality([[1, 2], [3, 4]], [{1}, {4}])
    assert found.mrr == pytest.approx((1 + 1 / 2) / 2)
    assert found.recall5 == 1
