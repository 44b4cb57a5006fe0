"""A cross-encoder's scores order passages, however they are batched."""

import json
from pathlib import Path

import numpy as np
import pytest
from reranking import Reranker, likelihood

import tests.model_code  # noqa: F401 - the models' code on the path
from services.model_builder.folder import copy_reranker
from shared.errors import ModelBuildError
from tests import tiny_models


@pytest.mark.parametrize("classes", [1, 2])
def test_a_pair_scores_alike_alone_and_in_a_batch(tmp_path: Path, classes: int) -> None:
    """A passage's place would depend on what else was asked at the moment."""
    own, target = tmp_path / "own", tmp_path / "target"
    target.mkdir()
    copy_reranker(tiny_models.write_own_reranker(own, classes=classes), target)
    reranker = Reranker(target, threads=1, batch_tokens=6)
    pairs = [("a", "b"), ("a", "d c a b"), ("b", "a")]
    together = reranker.scores(pairs)
    alone = [reranker.scores([pair])[0] for pair in pairs]
    np.testing.assert_allclose(together, alone, rtol=1e-6)
    assert together[1] == max(together)


def test_a_long_passage_is_cut(tmp_path: Path) -> None:
    """A model of 512 tokens would fail on a passage of 600."""
    own, target = tiny_models.write_own_reranker(tmp_path / "own"), tmp_path / "target"
    target.mkdir()
    (own / "config.json").write_text('{"max_position_embeddings": 4}')
    copy_reranker(own, target)
    assert json.loads((target / "model.json").read_text())["max_tokens"] == 4
    reranker = Reranker(target, threads=1, batch_tokens=64)
    cut, whole = reranker.scores([("a", "a a a a a a a a"), ("a", "a a a")])
    assert cut == whole


def test_likelihoods_stay_in_bounds() -> None:
    """A score far out would come out as no number, or as a score that no hit may have."""
    found = likelihood(np.array([[-1e4], [0.0], [1e4]], np.float32))
    np.testing.assert_allclose(found, [0, 0.5, 1])


def test_a_classifier_is_no_reranker(tmp_path: Path) -> None:
    """A model of five classes would rank by its last one."""
    own = tiny_models.write_own_reranker(tmp_path / "own", classes=5)
    with pytest.raises(ModelBuildError, match="5 classes"):
        copy_reranker(own, tmp_path)
