"""Tokens are picked as the parameters say."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sampling import Sampler
from sampling_parameters import SamplingParameters

LOGITS = np.array([1.0, 3.0, 2.0, -1.0], np.float32)


def picks(parameters: SamplingParameters, count: int = 200) -> list[int]:
    sampler = Sampler(parameters, prompt_ids=[], end_ids=[1])
    return [sampler.pick(LOGITS) for _ in range(count)]


def test_greedy_takes_the_likeliest() -> None:
    """Otherwise the default would not be repeatable."""
    assert set(picks(SamplingParameters())) == {1}


def test_a_tiny_temperature_is_greedy() -> None:
    """Otherwise the softmax would overflow to NaN."""
    assert set(picks(SamplingParameters(temperature=1e-30))) == {1}


def test_a_seed_repeats_draws() -> None:
    """Otherwise an answer could never be reproduced."""
    parameters = SamplingParameters(temperature=1.0, seed=3)
    assert picks(parameters) == picks(parameters)
    assert len(set(picks(parameters))) > 1


def test_draws_follow_the_softmax() -> None:
    """Otherwise the temperature would mean something else than in vLLM."""
    drawn = np.bincount(picks(SamplingParameters(temperature=1.0, seed=0), 4000), minlength=4)
    weights = np.exp(LOGITS)
    np.testing.assert_allclose(drawn / 4000, weights / weights.sum(), atol=0.03)


def test_top_k_and_top_p_bound_the_choice() -> None:
    """Otherwise unlikely tokens would come although they were ruled out."""
    assert set(picks(SamplingParameters(temperature=5.0, top_k=2, seed=1))) == {1, 2}
    assert set(picks(SamplingParameters(temperature=1.0, top_p=0.5, seed=1))) == {1}
    # 0.64, 0.23: the second crosses 0.7 and is kept
    assert set(picks(SamplingParameters(temperature=1.0, top_p=0.7, seed=1))) == {1, 2}


def test_min_p_bounds_the_choice() -> None:
    """Tokens far below the likeliest one would come although they were ruled out."""
    # 1, 0.37, 0.14 and 0.02 of the likeliest
    assert set(picks(SamplingParameters(temperature=1.0, min_p=0.3, seed=1))) == {1, 2}


def test_a_wide_nucleus_is_not_cut_short() -> None:
    """Beyond the tokens that are sorted first, none would ever come."""
    flat = np.zeros(2_000, np.float32)
    sampler = Sampler(SamplingParameters(temperature=1.0, top_p=0.9, seed=0), [], [])
    drawn = [sampler.pick(flat) for _ in range(500)]
    assert max(drawn) > 1_500
    assert max(drawn) < 1_802


def test_min_tokens_holds_end_tokens_back() -> None:
    """Otherwise an answer could end before its shortest length."""
    assert picks(SamplingParameters(min_tokens=2), 4) == [2, 2, 1, 1]


def test_repetition_penalty_counts_prompt_and_answer() -> None:
    """Otherwise the penalty would not stop loops."""
    sampler = Sampler(SamplingParameters(repetition_penalty=2.0), prompt_ids=[1], end_ids=[])
    assert [sampler.pick(LOGITS) for _ in range(3)] == [2, 1, 1]


def test_the_scores_are_left_alone() -> None:
    """Otherwise one sequence's penalty would leak into another's scores."""
    before: NDArray[np.float32] = LOGITS.copy()
    picks(SamplingParameters(min_tokens=9, repetition_penalty=3.0, temperature=1.0))
    np.testing.assert_array_equal(LOGITS, before)


def test_scores_that_are_no_numbers_are_an_error() -> None:
    """Otherwise broken weights would look like an odd answer."""
    sampler = Sampler(SamplingParameters(), [], [])
    with pytest.raises(FloatingPointError):
        sampler.pick(np.array([0.0, np.nan], np.float32))
