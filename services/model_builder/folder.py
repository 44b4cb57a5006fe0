"""A user's own ONNX model folder: checked, described and copied.

Generators come as onnxruntime-genai's model builder writes them (`genai_config.json`) or as a plain
decoder export with `past_key_values.*` inputs (`config.json`); embedders as a sentence-embedding
export. Whatever the Triton models could not run is refused here, by name.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from services.model_builder.info import EmbedderInfo, GeneratorInfo
from services.model_builder.manifest import write_json
from services.model_builder.onnx_file import OnnxFile
from services.model_builder.sources import sha256_of
from shared.errors import ModelBuildError

EMBEDDER_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
GENERATOR_INPUTS = frozenset({"input_ids", "attention_mask", "position_ids"})
SENTENCE_OUTPUTS = ("sentence_embedding", "embedding", "embeddings")
TOKEN_OUTPUTS = ("last_hidden_state", "token_embeddings")
FALLBACK_TOKENS = 512  # of an embedder that says nothing of its longest input
UNLIMITED = 1_000_000  # tokenizer configs write absurd lengths for "no limit"


def input_hashes(folder: Path) -> dict[str, str]:
    """Hash of every file directly in a folder.

    Raises:
        ModelBuildError: the folder does not exist.
    """
    if not folder.is_dir():
        raise ModelBuildError(f"{folder} is not a folder")
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.is_file()}


def copy_embedder(folder: Path, target: Path) -> None:
    """Check an embedder's folder, copy its files and describe it.

    Args:
        folder: holds `model.onnx` and `tokenizer.json`; `1_Pooling/config.json`,
            `sentence_bert_config.json` and `config.json` are read if they are there.
        target: gets `model.onnx`, its external data, `tokenizer.json` and `model.json`.

    Raises:
        ModelBuildError: a file is missing, or an input or output is not supported.
    """
    graph = OnnxFile(_need(folder, "model.onnx"))
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
    graph = OnnxFile(_need(folder, settings["filename"]))
    layers = graph.cache_layers()
    caches = {f"past_key_values.{i}.{part}" for i in range(layers) for part in ("key", "value")}
    graph.check_inputs(GENERATOR_INPUTS | caches, needed=("input_ids", "attention_mask", *caches))
    graph.first_output(("logits",))
    kv_heads, head_dim, dtype = graph.cache_shape()
    info = GeneratorInfo(
        name=folder.name,
        context_tokens=settings["context_tokens"],
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        cache="shared" if graph.has_operator("GroupQueryAttention") else "growing",
        cache_dtype=dtype,
        position_ids="position_ids" in graph.inputs,
        end_token_ids=settings["end_token_ids"],
        special_tokens=_special_tokens(folder),
        chat_template=_chat_template(folder),
    )
    _copy(folder, graph, target)
    write_json(target / "model.json", info)


def _need(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise ModelBuildError(f"{folder} holds no {name}")
    return folder / name


def _json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object, empty if there is no such file."""
    path = folder / name
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_bytes())
    except ValueError as exc:
        raise ModelBuildError(f"{path} is not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise ModelBuildError(f"{path} is not a JSON object")
    return value


def _copy(folder: Path, graph: OnnxFile, target: Path) -> None:
    tokenizer = _need(folder, "tokenizer.json")
    for name in graph.data_files():
        shutil.copyfile(_need(folder, name), target / name)
    shutil.copyfile(tokenizer, target / "tokenizer.json")
    shutil.copyfile(graph.path, target / "model.onnx")


def _max_tokens(folder: Path) -> int:
    """The shortest of the limits that the folder names."""
    config = _json(folder, "config.json")
    limits = [
        _json(folder, "sentence_bert_config.json").get("max_seq_length"),
        _json(folder, "tokenizer_config.json").get("model_max_length"),
        config.get("max_position_embeddings"),
    ]
    known = [int(limit) for limit in limits if limit is not None and limit < UNLIMITED]
    return min(known, default=FALLBACK_TOKENS)


def _pooling(folder: Path) -> Any:
    config = _json(folder, "1_Pooling/config.json")
    chosen = {key for key, value in config.items() if key.startswith("pooling_mode_") and value}
    if not chosen or chosen == {"pooling_mode_mean_tokens"}:
        return "mean"
    if chosen == {"pooling_mode_cls_token"}:
        return "cls"
    raise ModelBuildError(f"{folder}: {', '.join(sorted(chosen))} is not supported")


def _generator_settings(folder: Path) -> dict[str, Any]:
    """File name of the graph, context and end tokens, from whichever config there is."""
    if genai := _json(folder, "genai_config.json").get("model"):
        decoder = genai.get("decoder", {})
        filename, context = decoder.get("filename", "model.onnx"), genai.get("context_length")
        ends = genai.get("eos_token_id")
    elif config := _json(folder, "config.json"):
        filename, context = "model.onnx", config.get("max_position_embeddings")
        ends = _json(folder, "generation_config.json").get("eos_token_id")
        ends = config.get("eos_token_id") if ends is None else ends
    else:
        raise ModelBuildError(f"{folder} holds no genai_config.json and no config.json")
    if not isinstance(context, int) or ends is None:
        raise ModelBuildError(f"{folder}: no context length or no eos_token_id in its config")
    end_ids = tuple(ends) if isinstance(ends, list) else (int(ends),)
    return {"filename": filename, "context_tokens": context, "end_token_ids": end_ids}


def _special_tokens(folder: Path) -> dict[str, str]:
    config = _json(folder, "tokenizer_config.json")
    found = {name: config.get(name) for name in ("bos_token", "eos_token")}
    texts = {
        name: token.get("content") if isinstance(token, dict) else token
        for name, token in found.items()
    }
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def _chat_template(folder: Path) -> str | None:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text()
    template = _json(folder, "tokenizer_config.json").get("chat_template")
    return template if isinstance(template, str) else None
