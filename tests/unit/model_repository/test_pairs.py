"""Questions and texts are laid out so that every line keeps its place and nothing is too long."""

from pathlib import Path

import numpy as np
import pytest
from pairs import Limits, Pair, PairTokenizer, laid_in_rows

from tests import tiny_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_models.write_grader(tmp_path)
    return tmp_path


def pair_of(folder: Path, question: str, text: str, limits: Limits) -> Pair:
    [pair] = PairTokenizer(str(folder / "tokenizer.json"), limits).pairs([question], [text])
    return pair


def test_every_line_is_a_segment_of_its_own(folder: Path) -> None:
    """A sentence would get its neighbour's grade."""
    pair = pair_of(folder, "a b", "b\na a", Limits(pair=32, question=8, line=8))
    assert pair.ids == [3, 1, 2, 4, 2, 4, 1, 1, 4]
    assert pair.spans == [(1, 3), (4, 5), (6, 8)]
    assert (pair.lines, pair.total) == ([0, 1], 2)


def test_what_is_too_long_is_cut(folder: Path) -> None:
    """A long line would be an error, or leave the others no room."""
    pair = pair_of(folder, "a a a", "b b b\nb\nb b b\n\na", Limits(pair=11, question=2, line=3))
    assert pair.spans == [(1, 3), (4, 7), (8, 9)]
    assert (pair.lines, pair.total) == ([0, 1], 5)
    assert len(pair.ids) <= 11


def test_rows_weigh_each_segment_once() -> None:
    """A long sentence would count for more than a short one."""
    pairs = [Pair([3, 1, 4, 2, 2, 4], [(1, 2), (3, 5)], [0], 1), Pair([3, 1, 4], [(1, 2)], [], 1)]
    ids, mask, spans = laid_in_rows(pairs)
    assert ids.tolist() == [[3, 1, 4, 2, 2, 4], [3, 1, 4, 0, 0, 0]]
    assert mask.sum(axis=1).tolist() == [6, 3]
    np.testing.assert_allclose(spans.sum(axis=2), [[1, 1], [1, 0]])
