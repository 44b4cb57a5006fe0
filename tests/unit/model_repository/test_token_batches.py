"""Texts are grouped by length, so that little is padded and no batch is too large."""

import numpy as np
from embedding import normalized, pooled
from hypothesis import given
from hypothesis import strategies as st
from token_batches import batches, padded


@given(st.lists(st.integers(1, 300)), st.integers(1, 1000))
def test_each_text_once_and_no_batch_too_large(lengths: list[int], budget: int) -> None:
    """Otherwise a text would be lost, or memory would not be bounded."""
    groups = batches(lengths, budget)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[index] for index in group)
        assert len(group) == 1 or longest * len(group) <= budget


def test_padding_is_masked() -> None:
    """Otherwise padding would count as text."""
    matrix, mask = padded([[7], [8, 9, 10]])
    assert matrix.tolist() == [[7, 0, 0], [8, 9, 10]]
    assert mask.tolist() == [[1, 0, 0], [1, 1, 1]]


def test_pooling() -> None:
    """Otherwise a user's own embedder would give other vectors than it was trained for."""
    output = np.array([[[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]]], np.float32)
    mask = np.array([[1, 1, 0]])
    assert pooled(output, mask, "mean").tolist() == [[2.0, 4.0]]
    assert pooled(output, mask, "cls").tolist() == [[1.0, 2.0]]
    assert pooled(output[:, 0], mask, "none").tolist() == [[1.0, 2.0]]
    scaled = normalized(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    np.testing.assert_allclose(scaled, [[0.6, 0.8], [0.0, 0.0]])
