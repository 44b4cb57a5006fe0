"""BERT weights become a graph that ends in a sentence's vector, or are refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest
from embedding import Embedder

from services.model_builder.bert import BertShape
from services.model_builder.recipes import convert_minilm
from shared.errors import ModelBuildError
from tests import tiny_models


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "1").mkdir()
    convert_minilm(tiny_models.write_minilm(tmp_path / "weights"), tmp_path / "1")
    return tmp_path / "1"


def test_building_twice_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    """Otherwise hashes in manifests would mean nothing."""
    convert_minilm(tmp_path / "weights" / "w", tmp_path)
    for name in ("model.onnx", "model.onnx.data", "model.json"):
        assert (tmp_path / name).read_bytes() == (model / name).read_bytes()


def test_neighbours_in_a_batch_change_nothing(model: Path) -> None:
    """Otherwise a text's vector would depend on what was embedded beside it."""
    embedder = Embedder(model, threads=1, batch_tokens=64)
    texts = ["a", "b c d a b c d", "c c", "a a a a"]
    together = embedder.vectors(embedder.encode(texts))
    alone = [embedder.vectors(embedder.encode([text]))[0] for text in texts]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, rtol=1e-5)


def test_int8_vectors_point_where_those_in_fp32_do(model: Path, tmp_path: Path) -> None:
    """A smaller model would find other passages."""
    (tmp_path / "int8").mkdir()
    convert_minilm(tmp_path / "weights" / "w", tmp_path / "int8", precision="int8")
    texts = ["a", "b c d a b c d", "c c", "a a a a"]
    whole, small = (
        embedder.vectors(embedder.encode(texts))
        for embedder in (
            Embedder(f, threads=1, batch_tokens=64) for f in (model, tmp_path / "int8")
        )
    )
    assert ((whole * small).sum(axis=1) > 0.98).all()


def test_a_long_text_is_cut_to_the_limit(model: Path) -> None:
    """Otherwise a long text would be an error, or slow, instead of being cut."""
    embedder = Embedder(model, threads=1, batch_tokens=64)
    cut, at_limit = embedder.vectors(embedder.encode(["a b " * 40, "a b " * 12]))
    np.testing.assert_allclose(cut, at_limit, atol=1e-6)


def test_another_activation_is_refused_by_name() -> None:
    """Otherwise the vectors would be wrong and nobody would see it."""
    with pytest.raises(ModelBuildError, match="hidden_act 'relu' is not supported"):
        BertShape.of({"model_type": "bert", "hidden_act": "relu"})


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    """Otherwise a truncated export would end in a traceback."""
    weights = tiny_models.write_minilm(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelBuildError, match=r"no tensor 'encoder\.layer\.1"):
        convert_minilm(weights, tmp_path / "out")
