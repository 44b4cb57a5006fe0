"""A decoder from a Hugging Face folder: config.json, safetensors, tokenizer.json."""

import shutil
from functools import partial
from pathlib import Path

from services.model_builder import configs, hf_files, rope
from services.model_builder.configs import Config, DecoderConfig, Family
from services.model_builder.decoder_shape import DecoderShape, DecoderSource
from services.model_builder.rope import Rope
from services.model_builder.safetensors_weights import SafetensorsWeights
from shared.errors import ModelBuildError

FAMILIES = ("LlamaForCausalLM", "Qwen2ForCausalLM", "MistralForCausalLM")
SLIDING = "sliding_attention"


def open_folder(folder: Path) -> DecoderSource:
    """Describe the decoder in a folder.

    Raises:
        ModelBuildError: a file is missing or damaged, or the model is of another family; says what
            is not supported.
    """
    config = read_config(folder)
    known = hf_files.tokenizer(folder)
    plain = configs.read(folder, "config.json", Config) or Config()
    ends = hf_files.end_token_ids(folder, known, plain.eos_token_id)
    if not ends:
        raise ModelBuildError(f"{folder}: no eos_token_id in its config")
    return DecoderSource(
        name=folder.name,
        shape=_shape(config),
        weights=SafetensorsWeights(folder, tied=config.tie_word_embeddings),
        save_tokenizer=partial(_copy, folder / hf_files.TOKENIZER),
        begin_token_id=hf_files.begin_token_id(known),
        end_token_ids=ends,
        special_tokens=hf_files.special_tokens(folder),
        chat_template=hf_files.chat_template(folder),
    )


def read_config(folder: Path) -> DecoderConfig:
    """Read config.json.

    Raises:
        ModelBuildError: there is none, or it tells of something that the graph lacks, by name.
    """
    hf_files.need(folder, "config.json")
    family = configs.read(folder, "config.json", Family) or Family()
    found = family.architectures or (f"of model_type {family.model_type}",)
    if found[0] not in FAMILIES:
        raise ModelBuildError(
            f"{folder}: architecture {found[0]} is not supported, only {', '.join(FAMILIES)}"
        )
    config = configs.read(folder, "config.json", DecoderConfig)
    assert config is not None  # noqa: S101 - the file was there a moment ago; for mypy
    if config.hidden_act != "silu":
        raise ModelBuildError(f"{folder}: hidden_act {config.hidden_act!r} is not supported")
    if config.quantization_config:
        method = config.quantization_config.get("quant_method", "of some kind")
        raise ModelBuildError(
            f"{folder}: weights quantized by {method} are not supported, only whole ones and GGUF"
        )
    return config


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _shape(config: DecoderConfig) -> DecoderShape:
    heads = config.num_attention_heads
    head_dim = config.head_dim or config.hidden_size // heads
    return DecoderShape(
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=heads,
        kv_heads=config.num_key_value_heads or heads,
        head_dim=head_dim,
        context_tokens=config.max_position_embeddings,
        epsilon=config.rms_norm_eps,
        rope=_rope(config, head_dim),
        tied=config.tie_word_embeddings,
        windows=tuple(_window(config, layer) for layer in range(config.num_hidden_layers)),
    )


def _rope(config: DecoderConfig, width: int) -> Rope:
    settings = dict(config.rope_parameters or config.rope_scaling or {})
    base = settings.get("rope_theta", config.rope_theta)
    settings.setdefault("rope_type", settings.get("type", "default"))  # its name before 4.45
    if settings.get("partial_rotary_factor", 1.0) != 1.0:
        raise ModelBuildError(
            "rotating a part of each head (partial_rotary_factor) is not supported"
        )
    return rope.scaled(base, width, config.max_position_embeddings, settings)


def _window(config: DecoderConfig, layer: int) -> int | None:
    """How far back a layer sees; None for as far as there is."""
    if not config.sliding_window or not config.use_sliding_window:
        return None
    slides = layer >= config.max_window_layers
    if config.layer_types is not None and layer < len(config.layer_types):
        slides = config.layer_types[layer] == SLIDING
    return config.sliding_window if slides else None
