"""A user's own ONNX model folder: checked, described and copied.

Generators come as onnxruntime-genai's model builder writes them (`genai_config.json`) or as a plain
decoder export with `past_key_values.*` inputs (`config.json`); embedders as a sentence-embedding
export. Whatever the Triton models could not run is refused here, by name.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from services.model_builder import configs, hf_files
from services.model_builder.chat import turn
from services.model_builder.configs import Config, Genai, SentenceBert, TokenizerConfig
from services.model_builder.info import EmbedderInfo, GeneratorInfo, RerankerInfo
from services.model_builder.manifest import write_json
from services.model_builder.onnx_file import OnnxFile
from services.model_builder.sources import sha256_of
from shared.errors import ModelBuildError

EMBEDDER_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
GENERATOR_INPUTS = frozenset({"input_ids", "attention_mask", "position_ids"})
SENTENCE_OUTPUTS = ("sentence_embedding", "embedding", "embeddings")
SCORE_OUTPUTS = ("logits", "scores", "score")
TOKEN_OUTPUTS = ("last_hidden_state", "token_embeddings")
POOLING = "1_Pooling/config.json"  # the one file that is read from a folder of its own
FALLBACK_TOKENS = 512  # of an embedder that says nothing of its longest input
UNLIMITED = 1_000_000  # tokenizer configs write absurd lengths for "no limit"


def input_hashes(folder: Path) -> dict[str, str]:
    """Hash of every file that can shape a model: those directly in its folder, and its pooling.

    Raises:
        ModelBuildError: the folder does not exist.
    """
    if not folder.is_dir():
        raise ModelBuildError(f"{folder} is not a folder")
    paths = [*sorted(folder.iterdir()), folder / POOLING]
    return {
        path.relative_to(folder).as_posix(): sha256_of(path) for path in paths if path.is_file()
    }


def copy_embedder(folder: Path, target: Path) -> None:
    """Check an embedder's folder, copy its files and describe it.

    Args:
        folder: holds `model.onnx` and `tokenizer.json`; `1_Pooling/config.json`,
            `sentence_bert_config.json` and `config.json` are read if they are there.
        target: gets `model.onnx`, its external data, `tokenizer.json` and `model.json`.

    Raises:
        ModelBuildError: a file is missing, or an input or output is not supported.
    """
    graph = OnnxFile(hf_files.need(folder, "model.onnx"))
    graph.check_inputs(EMBEDDER_INPUTS, needed=("input_ids", "attention_mask"))
    output = graph.first_output(SENTENCE_OUTPUTS + TOKEN_OUTPUTS)
    dim = graph.outputs[output].shape[-1]
    if not isinstance(dim, int):
        raise ModelBuildError(f"{folder}: output {output} has no fixed last dimension")
    info = EmbedderInfo(
        name=folder.name,
        dim=dim,
        max_tokens=_max_tokens(folder),
        inputs=tuple(graph.inputs),
        output=output,
        pooling="none" if output in SENTENCE_OUTPUTS else _pooling(folder),
        normalize=True,
    )
    _copy(folder, graph, target)
    write_json(target / "model.json", info)


def copy_reranker(folder: Path, target: Path) -> None:
    """Check a cross-encoder's folder, copy its files and describe it.

    Args:
        folder: holds `model.onnx` and `tokenizer.json`; configs as of an embedder.
        target: gets `model.onnx`, its external data, `tokenizer.json` and `model.json`.

    Raises:
        ModelBuildError: a file is missing, or an input or output is not supported.
    """
    graph = OnnxFile(hf_files.need(folder, "model.onnx"))
    graph.check_inputs(EMBEDDER_INPUTS, needed=("input_ids", "attention_mask"))
    output = graph.first_output(SCORE_OUTPUTS)
    if (classes := graph.outputs[output].shape[-1]) not in (1, 2):
        raise ModelBuildError(f"{folder}: output {output} has {classes} classes, not 1 or 2")
    info = RerankerInfo(
        name=folder.name,
        max_tokens=_max_tokens(folder),
        inputs=tuple(graph.inputs),
        output=output,
    )
    _copy(folder, graph, target)
    write_json(target / "model.json", info)


def copy_generator(folder: Path, target: Path) -> None:
    """Check a generator's folder, copy its files and describe it.

    Args:
        folder: holds the graph, `tokenizer.json` and `genai_config.json` or `config.json`;
            `tokenizer_config.json` and `chat_template.jinja` are read if they are there.
        target: gets `model.onnx`, its external data, `tokenizer.json` and `model.json`.

    Raises:
        ModelBuildError: a file is missing, or an input or output is not supported.
    """
    settings = _generator_settings(folder)
    graph = OnnxFile(hf_files.need(folder, settings.filename))
    layers = graph.cache_layers()
    caches = {f"past_key_values.{i}.{part}" for i in range(layers) for part in ("key", "value")}
    graph.check_inputs(GENERATOR_INPUTS | caches, needed=("input_ids", "attention_mask", *caches))
    graph.first_output(("logits",))
    kv_heads, head_dim, dtype = graph.cache_shape()
    special, template = hf_files.special_tokens(folder), hf_files.chat_template(folder)
    info = GeneratorInfo(
        name=folder.name,
        context_tokens=settings.context_tokens,
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        cache="shared" if graph.has_operator("GroupQueryAttention") else "growing",
        cache_dtype=dtype,
        position_ids="position_ids" in graph.inputs,
        end_token_ids=settings.end_token_ids,
        begin_token_id=hf_files.begin_token_id(hf_files.tokenizer(folder)),
        special_tokens=special,
        chat_template=template,
        chat=turn(template, special),
    )
    _copy(folder, graph, target)
    write_json(target / "model.json", info)


def _copy(folder: Path, graph: OnnxFile, target: Path) -> None:
    tokenizer = hf_files.need(folder, "tokenizer.json")
    for name in graph.data_files():
        shutil.copyfile(hf_files.need(folder, name), target / name)
    shutil.copyfile(tokenizer, target / "tokenizer.json")
    shutil.copyfile(graph.path, target / "model.onnx")


def _max_tokens(folder: Path) -> int:
    """The shortest of the limits that the folder names."""
    sentence = configs.read(folder, "sentence_bert_config.json", SentenceBert) or SentenceBert()
    tokenizer = configs.read(folder, "tokenizer_config.json", TokenizerConfig) or TokenizerConfig()
    config = configs.read(folder, "config.json", Config) or Config()
    limits = (
        sentence.max_seq_length,
        tokenizer.model_max_length,
        config.max_position_embeddings,
    )
    known = [int(limit) for limit in limits if limit is not None and limit < UNLIMITED]
    return min(known, default=FALLBACK_TOKENS)


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    config = configs.read(folder, POOLING, dict[str, Any]) or {}
    chosen = {key for key, value in config.items() if key.startswith("pooling_mode_") and value}
    if not chosen or chosen == {"pooling_mode_mean_tokens"}:
        return "mean"
    if chosen == {"pooling_mode_cls_token"}:
        return "cls"
    raise ModelBuildError(f"{folder}: {', '.join(sorted(chosen))} is not supported")


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """File name of the graph, longest sequence in tokens, and the tokens that end an answer."""

    filename: str
    context_tokens: int
    end_token_ids: tuple[int, ...]


def _generator_settings(folder: Path) -> _Settings:
    """The settings, from whichever config there is."""
    genai = configs.read(folder, "genai_config.json", Genai)
    if genai and genai.model:
        model = genai.model
        filename, context, ends = model.decoder.filename, model.context_length, model.eos_token_id
    elif config := configs.read(folder, "config.json", Config):
        generation = configs.read(folder, "generation_config.json", Config) or Config()
        filename, context, ends = "model.onnx", config.max_position_embeddings, config.eos_token_id
        ends = ends if generation.eos_token_id is None else generation.eos_token_id
    else:
        raise ModelBuildError(f"{folder} holds no genai_config.json and no config.json")
    if Path(filename).name != filename:  # only files directly in the folder are hashed
        raise ModelBuildError(f"{folder}: graph outside its folder: {filename}")
    if context is None or ends is None:
        raise ModelBuildError(f"{folder}: no context length or no eos_token_id in its config")
    end_ids = (ends,) if isinstance(ends, int) else ends
    return _Settings(filename=filename, context_tokens=context, end_token_ids=end_ids)
