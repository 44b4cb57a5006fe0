"""An adapter is merged into just the weights it was trained on, or the build says why not."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from services.model_builder.adapter import Adapted
from services.model_builder.build import BuiltModel, build, list_models
from services.model_builder.gguf_decoder import open_gguf
from services.model_builder.info import GeneratorInfo
from services.model_builder.manifest import Manifest, write_manifest
from services.model_builder.recipes import BASE, convert_gguf, generator_recipe
from services.model_builder.sources import READER, SMOLLM2, TrainedSource, sha256_of
from shared.errors import ModelBuildError
from tests import tiny_decoders, tiny_models
from tests.tiny_decoders import GGUF_PARTS, LAYERS

PARTS = [part for part in GGUF_PARTS.values() if "norm" not in part]
RANK, SCALE = 3, 2.0
Tensors = dict[str, NDArray[Any]]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tiny_decoders.write_gguf(tmp_path / "m.gguf", tiny_decoders.DECODERS["llama"])


@pytest.fixture
def parts(weights: Path) -> Tensors:
    """An adapter's matrices for every linear layer, float16."""
    random, base = np.random.default_rng(4), open_gguf(weights).weights
    found: Tensors = {}
    for name in (f"blk.{layer}.{part}" for layer in range(LAYERS) for part in PARTS):
        out, into = base.tensor(f"{name}.weight").shape
        found[f"{name}.lora_a"] = random.normal(size=(RANK, into)).astype(np.float16)
        found[f"{name}.lora_b"] = random.normal(size=(out, RANK)).astype(np.float16)
    return found


def written(path: Path, parts: Tensors) -> TrainedSource:
    save_file(parts, path, {"scale": str(SCALE)})
    return TrainedSource(path=path, sha256=sha256_of(path))


def test_every_layer_is_its_base_with_the_product_added(
    weights: Path, parts: Tensors, tmp_path: Path
) -> None:
    """The model served would be another one than was trained."""
    base = open_gguf(weights).weights
    merged = Adapted(base, written(tmp_path / "a", parts).path)
    for layer in range(LAYERS):
        for part in PARTS:
            name = f"blk.{layer}.{part}"
            a, b = (parts[f"{name}.lora_{one}"].astype(np.float32) for one in "ab")
            wanted = base.tensor(f"{name}.weight") + np.float32(SCALE) * (b @ a)
            np.testing.assert_array_equal(merged.tensor(f"{name}.weight"), wanted)
    for name in ("token_embd.weight", "blk.0.attn_norm.weight", "output_norm.weight"):
        np.testing.assert_array_equal(merged.tensor(name), base.tensor(name))


def test_building_with_an_adapter_twice_gives_the_same_bytes(
    weights: Path, parts: Tensors, tmp_path: Path
) -> None:
    """Otherwise hashes in manifests would mean nothing."""
    adapter, built = written(tmp_path / "reader.safetensors", parts), []
    for name in ("one", "two", "base"):
        (tmp_path / name).mkdir()
        convert_gguf(weights, tmp_path / name, adapter=None if name == "base" else adapter)
        built.append((tmp_path / name / "model.onnx.data").read_bytes())
    assert built[0] == built[1] != built[2]
    info = msgspec.json.decode((tmp_path / "one" / "model.json").read_bytes(), type=GeneratorInfo)
    assert info.name.startswith("reader on ")


def test_an_adapter_that_adds_nothing_changes_nothing(
    weights: Path, parts: Tensors, tmp_path: Path
) -> None:
    """Merging itself would cost something of the model."""
    nothing = {name: one * np.float16(0) for name, one in parts.items()}
    for name, adapter in (("with", written(tmp_path / "a", nothing)), ("without", None)):
        (tmp_path / name).mkdir()
        convert_gguf(weights, tmp_path / name, adapter=adapter)
    left, right = ((tmp_path / one / "model.onnx.data").read_bytes() for one in ("with", "without"))
    assert left == right


def test_another_file_than_ours_is_refused(weights: Path, parts: Tensors, tmp_path: Path) -> None:
    """A half-pulled file would be served as if it were the reader."""
    adapter = replace(written(tmp_path / "a", parts), sha256="0" * 64)
    with pytest.raises(ModelBuildError, match="is not the expected file"):
        convert_gguf(weights, tmp_path, adapter=adapter)


def deeper(parts: Tensors) -> None:
    parts["blk.7.attn_q.lora_a"] = parts["blk.0.attn_q.lora_a"]


def wider(parts: Tensors) -> None:
    parts["blk.1.ffn_up.lora_a"] = parts["blk.1.ffn_up.lora_a"][:, :-1].copy()


def halved(parts: Tensors) -> None:
    del parts["blk.1.ffn_up.lora_b"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (deeper, "adapts 1 layers that are not there, such as blk.7.attn_q"),
        (wider, "does not fit blk.1.ffn_up.weight"),
        (halved, "does not fit blk.1.ffn_up.weight"),
    ],
)
def test_an_adapter_of_another_model_is_refused(
    weights: Path, parts: Tensors, tmp_path: Path, change: Callable[[Tensors], None], words: str
) -> None:
    """Layers would be left as they were, and the model would answer as nobody trained it."""
    change(parts)
    with pytest.raises(ModelBuildError, match=words):
        convert_gguf(weights, tmp_path, adapter=written(tmp_path / "a", parts))


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-9], lambda raw: raw[:0], lambda raw: b"{}" + raw]
)
def test_a_damaged_adapter_is_named(
    weights: Path, parts: Tensors, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """It would end in a traceback."""
    path = written(tmp_path / "reader.safetensors", parts).path
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelBuildError, match=r"reader\.safetensors cannot be read as an adapter"):
        Adapted(open_gguf(weights).weights, path)


def test_an_adapter_without_its_scale_is_refused(
    weights: Path, parts: Tensors, tmp_path: Path
) -> None:
    """It would be merged at a strength that nobody trained."""
    save_file(load_file(written(tmp_path / "a", parts).path), tmp_path / "b")
    with pytest.raises(ModelBuildError, match="cannot be read as an adapter"):
        Adapted(open_gguf(weights).weights, tmp_path / "b")


def test_the_reader_is_the_file_in_the_repository() -> None:
    """Nobody could build the default model."""
    assert sha256_of(READER.path) == READER.sha256
    assert READER.path.stat().st_size <= 30e6


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tiny_models.write_repository(tmp_path / "repository")


def put(repository: Path, choice: str | None, **other: Any) -> None:
    """Make it look as if a generator had been built."""
    recipe = generator_recipe(choice)
    names = ("name", "source", "kind", "inputs", "builder", "precision")
    fields = {name: getattr(recipe, name) for name in names} | other
    write_manifest(repository / "generator" / "1", Manifest(outputs={}, **fields))


def generator(repository: Path) -> BuiltModel:
    return next(one for one in list_models(repository) if one.name == "generator")


def rebuilt(repository: Path, choice: str | None = None) -> list[str]:
    """What a build says, as far as it comes: the wheel is none."""
    own, said = tiny_models.write_own_embedder(repository.parent / "own"), list[str]()
    cache = repository.parent / "cache"
    cache.mkdir(exist_ok=True)
    (cache / SMOLLM2.filename).write_bytes(b"")  # refused before anything is fetched
    with contextlib.suppress(ModelBuildError):
        build(repository, cache, embedder=str(own), generator=choice, report=said.append)
    return said


def test_what_is_listed_tells_base_and_reader_apart(repository: Path) -> None:
    """Nobody could tell which of the two answers."""
    put(repository, None)
    assert generator(repository).source == f"reader.safetensors on {SMOLLM2}"
    assert generator(repository).current
    put(repository, BASE)
    assert generator(repository).source == str(SMOLLM2)
    assert generator(repository).current


def test_a_build_from_before_the_reader_is_outdated(repository: Path) -> None:
    """The next start would go on serving what came before it."""
    put(repository, BASE, kind="wheel")
    assert generator(repository).state == "outdated"


def test_another_reader_is_built_anew(repository: Path) -> None:
    """A retrained reader would never be served."""
    inputs = generator_recipe(None).inputs
    put(repository, None, inputs=inputs | {READER.path.name: "0" * 64})
    assert generator(repository).state == "outdated"


def test_the_base_is_kept_until_the_default_is_asked_for(repository: Path) -> None:
    """The next start would replace what was chosen."""
    put(repository, BASE)
    kept = f"generator: current, from {SMOLLM2}"
    assert kept in rebuilt(repository)
    assert kept not in rebuilt(repository, "default")
