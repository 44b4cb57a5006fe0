"""Prompt tokens between two decode steps take no longer than they may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pace import FIRST_TOKENS, LEAST_TOKENS, PER_WAITING, Pace

SECONDS = st.floats(1e-4, 10.0)


def test_alone_a_prompt_takes_the_largest_chunk() -> None:
    """Small chunks would slow a prompt down that nobody waits behind."""
    assert Pace(256, 1.7).chunk(others_decode=False) == 256


def test_nothing_known_means_little() -> None:
    """The first prompt beside a running answer would stall it for a whole chunk."""
    assert Pace(256, 1.7).chunk(others_decode=True) == FIRST_TOKENS


@given(SECONDS, SECONDS)
def test_a_chunk_fits_between_two_steps(decode_s: float, token_s: float) -> None:
    """Answers that stream would stutter while a long prompt is read."""
    pace = Pace(256, 2.0)
    pace.decoded(decode_s)
    pace.prefilled(10, 10 * token_s, 1)
    tokens = pace.chunk(others_decode=True)
    assert LEAST_TOKENS <= tokens <= 256
    assert tokens == LEAST_TOKENS or tokens * token_s <= 2.0 * decode_s * 1.001


def test_who_waits_behind_a_prompt_counts() -> None:
    """A burst's last prompt would be read in the smallest, slowest chunks."""
    pace = Pace(256, 1.0)
    pace.decoded(0.05)
    pace.prefilled(10, 0.01, 1)
    chunks = [pace.chunk(others_decode=True, waiting=waiting) for waiting in (0, 1, 3, 9)]
    assert chunks == [50, 125, 256, 256]


def test_one_slow_step_does_not_rule() -> None:
    """A single hiccup would let the next prompt stall everybody."""
    pace = Pace(256, 1.0)
    pace.prefilled(1, 0.01, 1)
    for _ in range(20):
        pace.decoded(0.5)
    pace.decoded(1.0)
    assert pace.chunk(others_decode=True) == pytest.approx(65, abs=1)


@pytest.mark.parametrize(
    ("token_s", "least", "most"),
    [(0.006, 4, 5), (0.0015, 17, 20)],  # 4,000 tokens deep, and at a prompt's beginning
)
def test_a_pace_is_found_though_each_run_costs_a_decode_step(
    token_s: float, least: int, most: int
) -> None:
    """Readers would wait for a long prompt, or it would go on by a few tokens for ever."""
    pace = Pace(256, 1.7)
    for _ in range(60):
        tokens = pace.chunk(others_decode=True)
        pace.prefilled(tokens, 0.041 + tokens * token_s, 1)
        pace.decoded(0.041)
    assert least <= tokens <= most


@given(SECONDS, SECONDS, st.integers(1, 9), st.integers(0, 3))
def test_parts_fit_between_two_steps(
    decode_s: float, part_s: float, parts: int, waiting: int
) -> None:
    """A large chunk would hold up the readers for the whole model, or never get through it."""
    pace = Pace(256, 2.0, parts)
    pace.decoded(decode_s)
    pace.prefilled(10, 2 * part_s, 2)
    tokens = pace.chunk(others_decode=True, waiting=waiting)
    ran = pace.parts(tokens, others_decode=True, waiting=waiting)
    assert 1 <= ran <= parts
    took_s, may_s = ran * tokens * part_s / 10, 2.0 * (1 + PER_WAITING * waiting) * decode_s
    assert (ran == 1 and tokens == LEAST_TOKENS) or took_s <= may_s * 1.001


def test_alone_a_chunk_passes_the_whole_model() -> None:
    """A prompt that nobody waits beside would stop at each part for nothing."""
    assert Pace(256, 1.7, 5).parts(256, others_decode=False) == 5


def test_parts_let_a_deep_prompt_go_on_in_larger_chunks() -> None:
    """A run of four tokens through all layers costs nearly what one of sixteen does."""
    chunks = []
    for parts in (1, 5):
        pace = Pace(256, 1.7, parts)
        for _ in range(60):
            tokens = pace.chunk(others_decode=True)
            pace.prefilled(tokens, (0.041 + tokens * 0.006) / parts, 1)
            pace.decoded(0.041)
        chunks.append(tokens / parts)  # a step
    assert chunks[1] > 2 * chunks[0]
