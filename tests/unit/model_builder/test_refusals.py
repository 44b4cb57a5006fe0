"""Weights that cannot be converted are refused, and the words say what is missing."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from services.model_builder.build import build
from services.model_builder.recipes import convert_folder, convert_gguf
from shared.errors import ModelBuildError
from tests import tiny_models
from tests.tiny_decoders import DECODERS, LINEAR, TinyDecoder, write_folder, write_gguf

LLAMA = DECODERS["llama"]


@pytest.mark.parametrize("architecture", ["gemma2", "phi3", "mamba", "qwen3", "llama4"])
def test_another_architecture_of_gguf_is_named(tmp_path: Path, architecture: str) -> None:
    """A graph would be built that gives nonsense."""
    path = tiny_models.write_gguf(tmp_path / "m.gguf", architecture=architecture)
    words = f"architecture '{architecture}' is not supported, only llama, qwen2"
    with pytest.raises(ModelBuildError, match=words):
        convert_gguf(path, tmp_path)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"llama.expert_count": 8}, "a mixture of experts (8 experts) is not supported"),
        ({"llama.attention.sliding_window": 64}, "a sliding window (64 tokens) is not supported"),
        ({"llama.attention.value_length": 8}, "values of width 8, unlike keys, is not supported"),
        ({"llama.rope.dimension_count": 8}, "rotating 8 of 16 head dimensions is not supported"),
        ({"llama.rope.scaling.type": "longrope"}, "rope scaling 'longrope' is not supported"),
        ({"llama.rope.scaling.attn_factor": 2.0}, "attn_factor 2.0 is not supported"),
        ({"split.count": 3}, "one of 3 parts: join them with `llama-gguf-split --merge`"),
        ({"llama.attention.key_length": 8}, "blk.0.attn_q.weight has the shape [64, 64], not [32"),
    ],
)
def test_what_the_graph_lacks_is_named(
    tmp_path: Path, metadata: dict[str, Any], words: str
) -> None:
    """The model would answer wrongly and in silence."""
    path = write_gguf(tmp_path / "m.gguf", LLAMA, metadata=metadata)
    with pytest.raises(ModelBuildError, match=re.escape(words)):
        convert_gguf(path, tmp_path)


def test_two_scalings_at_once_are_named(tmp_path: Path) -> None:
    """One of them would be left out in silence."""
    llama3 = DECODERS["llama, own head, llama3 rope"]
    factor = {"llama.rope.scaling.factor": 2.0}
    path = write_gguf(tmp_path / "m.gguf", llama3, metadata=factor)
    with pytest.raises(ModelBuildError, match=r"together with rope_freqs\.weight"):
        convert_gguf(path, tmp_path)


def test_a_missing_tensor_of_gguf_is_named(tmp_path: Path) -> None:
    """Nobody could tell which file is incomplete."""
    path = write_gguf(tmp_path / "m.gguf", LLAMA, left_out="blk.1.ffn_up.weight")
    with pytest.raises(ModelBuildError, match=r"has no tensor blk\.1\.ffn_up\.weight"):
        convert_gguf(path, tmp_path)


@pytest.mark.parametrize("kept", [0, 3, 20, 1000, 20_000, -10])
def test_a_truncated_gguf_is_named(tmp_path: Path, kept: int) -> None:
    """A download that broke off would end in a traceback."""
    path = write_gguf(tmp_path / "m.gguf", LLAMA)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelBuildError, match=r"m\.gguf cannot be read as GGUF: it may be cut"):
        convert_gguf(path, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architectures": ["Gemma2ForCausalLM"]}, "Gemma2ForCausalLM is not supported, only Lla"),
        ({"architectures": ["MixtralForCausalLM"]}, "MixtralForCausalLM is not supported"),
        (
            {"architectures": None, "model_type": "mamba"},
            "architecture of model_type mamba is not supported",
        ),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu' is not supported"),
        ({"hidden_size": None}, "Expected `int`, got `null` - at `$.hidden_size`"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "rope scaling 'longrope' is not support"),
        ({"rope_parameters": {"rope_type": "linear"}}, "'linear' needs factor above 0, not None"),
        (
            {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
            "partial_rotary_factor",
        ),
        ({"quantization_config": {"quant_method": "gptq"}}, "weights quantized by gptq"),
        ({"num_hidden_layers": 3}, "holds no tensor model.layers.2.input_layernorm.weight"),
        ({"num_hidden_layers": 1}, "9 tensors are not supported, such as model.layers.1.input"),
        ({"tie_word_embeddings": False}, "holds no tensor lm_head.weight"),
        ({"eos_token_id": None}, None),
    ],
)
def test_a_config_that_tells_of_another_model_is_refused(
    tmp_path: Path, change: dict[str, Any], words: str | None
) -> None:
    """The model would answer wrongly, or fail to load far from the cause."""
    folder = write_folder(tmp_path / "own", LLAMA)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    if words is None:  # the tokenizer's own end token does
        convert_folder(folder, tmp_path)
        return
    with pytest.raises(ModelBuildError, match=re.escape(words)):
        convert_folder(folder, tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model-1.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """A half-copied folder would end in a traceback."""
    folder = write_folder(tmp_path / "own", LLAMA, files=3)
    (folder / name).unlink()
    with pytest.raises(ModelBuildError, match=f"own holds no {re.escape(name)}"):
        convert_folder(folder, tmp_path)


def test_a_truncated_safetensors_is_named(tmp_path: Path) -> None:
    """A download that broke off would end in a traceback."""
    folder = write_folder(tmp_path / "own", LLAMA)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelBuildError, match=r"model\.safetensors cannot be read as safetensors"):
        convert_folder(folder, tmp_path)


def test_integers_are_no_weights(tmp_path: Path) -> None:
    """Quantized weights would be taken for the numbers that they stand for."""
    folder = write_folder(tmp_path / "own", LLAMA)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"].astype(np.int8)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelBuildError, match=r"model\.norm\.weight: type I8 is not supported"):
        convert_folder(folder, tmp_path)


def test_weights_outside_the_folder_are_refused(tmp_path: Path) -> None:
    """An index could name any file of the machine, and no hash would cover it."""
    folder = write_folder(tmp_path / "own", LLAMA, files=2)
    index = {"weight_map": {"model.norm.weight": "../model-0.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelBuildError, match="weights outside its folder"):
        convert_folder(folder, tmp_path)


def test_older_names_of_rope_scaling_are_understood(tmp_path: Path) -> None:
    """Long prompts would be read as if nothing were scaled."""
    old, new = write_folder(tmp_path / "old", LLAMA), TinyDecoder(rope=LINEAR)
    config = json.loads((old / "config.json").read_text())
    del config["rope_parameters"]
    scaling = {"type": "linear", "factor": 2.0}
    (old / "config.json").write_text(json.dumps(config | {"rope_scaling": scaling}))
    made = []
    for folder in (old, write_folder(tmp_path / "new", new)):
        (tmp_path / f"{folder.name}-built").mkdir()
        convert_folder(folder, tmp_path / f"{folder.name}-built")
        made.append((tmp_path / f"{folder.name}-built" / "model.onnx.data").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("gguf:{}/gone.gguf", "gone.gguf is not a file"),
        ("{}/m.gguf", "m.gguf is a file: say `--generator gguf:"),
        ("{}/gone", "gone is not a folder"),
        ("{}/empty", "empty holds no genai_config.json and no config.json"),
    ],
)
def test_a_choice_that_is_not_there_is_named(tmp_path: Path, choice: str, words: str) -> None:
    """A typing mistake would end in a traceback."""
    repository = tiny_models.write_repository(tmp_path / "repository")
    embedder = tiny_models.write_own_embedder(tmp_path / "embedder")
    write_gguf(tmp_path / "m.gguf", LLAMA)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelBuildError, match=re.escape(words)):
        build(
            repository,
            tmp_path / "cache",
            embedder=str(embedder),
            generator=choice.format(tmp_path),
            report=print,
        )
