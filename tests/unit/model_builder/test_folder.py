"""A user's own ONNX folder is described rightly, or refused by name."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from decoder import Decoder
from embedding import Embedder
from rows import new_rows

from services.model_builder.folder import copy_embedder, copy_generator
from services.model_builder.recipes import convert_gguf
from shared.errors import ModelBuildError
from tests import tiny_models


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def test_an_embedder_without_pooling_gets_it(tmp_path: Path, target: Path) -> None:
    """Otherwise most exports, which end in token vectors, could not be used."""
    copy_embedder(tiny_models.write_own_embedder(tmp_path / "own"), target)
    embedder = Embedder(target, threads=1, batch_tokens=64)
    a, b, both = embedder.vectors(embedder.encode(["a", "b", "a b"]))
    table = [embedder.vectors(embedder.encode([word]))[0] for word in ("a", "b")]
    np.testing.assert_allclose([a, b], table, atol=1e-6)
    assert np.linalg.norm(both) == pytest.approx(1.0)
    assert both @ a > a @ b


def test_a_decoder_export_generates(tmp_path: Path, target: Path) -> None:
    """Otherwise plain exports, with position_ids and a growing cache, could not be used."""
    copy_generator(tiny_models.write_own_generator(tmp_path / "own"), target)
    decoder = Decoder(target, threads=1)
    assert decoder.info.cache == "growing"
    rows = new_rows(decoder, 2, 8)
    whole = rows.start(0, [1, 2, 3], 0).finish()[0]
    rows.start(1, [1, 2], 0).finish()
    np.testing.assert_allclose(rows.decode({1: 3}, {0: 3, 1: 2})[1], whole, atol=1e-5)


def test_a_genai_folder_generates(tmp_path: Path, target: Path) -> None:
    """Otherwise what onnxruntime-genai's builder writes could not be used."""
    own = tmp_path / "own"
    own.mkdir()
    convert_gguf(tiny_models.write_gguf(tmp_path / "m.gguf"), own)
    (own / "model.json").unlink()
    (own / "model.onnx").rename(own / "decoder.onnx")
    genai = {"decoder": {"filename": "decoder.onnx"}, "context_length": 99, "eos_token_id": [2, 0]}
    (own / "genai_config.json").write_text(json.dumps({"model": genai}))
    (own / "chat_template.jinja").write_text("{{ messages }}")
    (own / "tokenizer_config.json").write_text('{"eos_token": {"content": "</s>"}}')
    copy_generator(own, target)
    info = json.loads((target / "model.json").read_text())
    assert (info["cache"], info["context_tokens"], info["end_token_ids"]) == ("shared", 99, [2, 0])
    assert (info["chat_template"], info["special_tokens"]["eos_token"]) == (
        "{{ messages }}",
        "</s>",
    )
    decoder = Decoder(target, threads=1)
    assert new_rows(decoder, 1, 8).start(0, [3, 4], 0).finish()[0].ndim == 1


def test_a_missing_tokenizer_is_named(tmp_path: Path, target: Path) -> None:
    """Otherwise the model would fail to load in Triton, far from its cause."""
    own = tiny_models.write_own_embedder(tmp_path / "own")
    (own / "tokenizer.json").unlink()
    with pytest.raises(ModelBuildError, match=r"holds no tokenizer\.json"):
        copy_embedder(own, target)


def test_missing_weights_are_named(tmp_path: Path, target: Path) -> None:
    """Otherwise a half-copied folder would be taken for a model."""
    own = tiny_models.write_own_embedder(tmp_path / "own")
    (own / "model.onnx.data").unlink()
    with pytest.raises(ModelBuildError, match=r"holds no model\.onnx\.data"):
        copy_embedder(own, target)


def test_an_unknown_output_is_named(tmp_path: Path, target: Path) -> None:
    """Otherwise any graph would pass for an embedder."""
    own = tiny_models.write_own_embedder(tmp_path / "own", output="scores")
    with pytest.raises(ModelBuildError, match="only scores"):
        copy_embedder(own, target)


def test_an_unknown_pooling_is_named(tmp_path: Path, target: Path) -> None:
    """Otherwise the vectors would not be those the model was trained for."""
    own = tiny_models.write_own_embedder(tmp_path / "own")
    (own / "1_Pooling").mkdir()
    (own / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(ModelBuildError, match="pooling_mode_max_tokens is not supported"):
        copy_embedder(own, target)


def test_an_unknown_input_is_named(tmp_path: Path, target: Path) -> None:
    """Otherwise every request would fail, since nothing can feed it."""
    own = tiny_models.write_own_generator(tmp_path / "own", extra_input="images")
    with pytest.raises(ModelBuildError, match="input images is not supported"):
        copy_generator(own, target)


def test_a_missing_config_is_named(tmp_path: Path, target: Path) -> None:
    """Otherwise the context's length would have to be guessed."""
    own = tiny_models.write_own_generator(tmp_path / "own")
    (own / "config.json").unlink()
    with pytest.raises(ModelBuildError, match=r"no genai_config\.json and no config\.json"):
        copy_generator(own, target)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("genai_config.json", '{"model": "x"}', "Expected `object | null`, got `str`"),
        ("genai_config.json", '{"model": {"context_length": 9, "eos_token_id": "a"}}', "eos_token"),
        ("genai_config.json", '{"model": {"decoder": {"filename": "../m.onnx"}}}', "outside"),
        ("genai_config.json", "[]", "Expected `object`, got `array`"),
        ("genai_config.json", "{", "genai_config.json is not JSON"),
        ("config.json", '{"max_position_embeddings": "long"}', "max_position_embeddings"),
        ("config.json", '{"max_position_embeddings": 9}', "no context length or no eos_token_id"),
        ("generation_config.json", '{"eos_token_id": {}}', "eos_token_id"),
        ("tokenizer_config.json", '{"eos_token": 3}', "eos_token"),
    ],
)
def test_a_config_of_another_shape_is_named(
    tmp_path: Path, target: Path, name: str, content: str, words: str
) -> None:
    """A slip in a file written by hand would end in a traceback."""
    own = tiny_models.write_own_generator(tmp_path / "own")
    (own / name).write_text(content)
    with pytest.raises(ModelBuildError, match=re.escape(words)) as refused:
        copy_generator(own, target)
    assert str(own) in str(refused.value)


def test_bytes_that_are_no_text_are_named(tmp_path: Path, target: Path) -> None:
    """A template of another encoding would end in a traceback."""
    own = tiny_models.write_own_generator(tmp_path / "own")
    (own / "chat_template.jinja").write_bytes(b"caf\xe9")
    with pytest.raises(ModelBuildError, match=r"chat_template\.jinja is not text"):
        copy_generator(own, target)


def test_an_absurd_limit_is_no_limit(tmp_path: Path, target: Path) -> None:
    """Tokenizer configs that say 1e30 tokens would be refused, or believed."""
    own = tiny_models.write_own_embedder(tmp_path / "own")
    limit = '{"model_max_length": 1000000000000000019884624838656}'
    (own / "tokenizer_config.json").write_text(limit)
    copy_embedder(own, target)
    assert json.loads((target / "model.json").read_text())["max_tokens"] == 512


def test_an_embedder_is_no_generator(tmp_path: Path, target: Path) -> None:
    """Otherwise folders given the wrong way round would build."""
    own = tiny_models.write_own_embedder(tmp_path / "own")
    (own / "config.json").write_text('{"max_position_embeddings": 9, "eos_token_id": 1}')
    with pytest.raises(ModelBuildError, match="no past_key_values inputs"):
        copy_generator(own, target)


def test_what_is_no_graph_is_refused(tmp_path: Path, target: Path) -> None:
    """Otherwise a wrong file would end in a traceback."""
    own = tiny_models.write_own_embedder(tmp_path / "own")
    (own / "model.onnx").write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelBuildError, match=r"model\.onnx"):
        copy_embedder(own, target)
