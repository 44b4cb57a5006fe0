"""The JSON files of model folders, as their writers know them; only what is read of each."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from shared.errors import ModelBuildError

T = TypeVar("T")
Count = Annotated[int, msgspec.Meta(ge=1)]
TokenIds = int | tuple[int, ...] | None


class Decoder(msgspec.Struct, frozen=True):
    """`model.decoder` of genai_config.json."""

    filename: str = "model.onnx"


class GenaiModel(msgspec.Struct, frozen=True):
    """`model` of genai_config.json."""

    decoder: Decoder = Decoder()
    context_length: Count | None = None
    eos_token_id: TokenIds = None


class Genai(msgspec.Struct, frozen=True):
    """genai_config.json, as onnxruntime-genai's model builder writes it."""

    model: GenaiModel | None = None


class Config(msgspec.Struct, frozen=True):
    """config.json and generation_config.json, as Hugging Face's libraries write them."""

    max_position_embeddings: Count | None = None
    eos_token_id: TokenIds = None


class Family(msgspec.Struct, frozen=True):
    """What config.json says a model is, before any of its numbers."""

    architectures: tuple[str, ...] | None = None
    model_type: str | None = None


class DecoderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """config.json of a Llama-, Qwen2- or Mistral-like decoder, with transformers' defaults."""

    hidden_size: Count
    num_hidden_layers: Count
    num_attention_heads: Count
    max_position_embeddings: Count
    num_key_value_heads: Count | None = None
    head_dim: Count | None = None
    rms_norm_eps: float = 1e-6
    hidden_act: str = "silu"
    tie_word_embeddings: bool = False
    rope_theta: float = 10_000.0
    rope_scaling: dict[str, Any] | None = None  # with rope_theta, before transformers 5
    rope_parameters: dict[str, Any] | None = None
    sliding_window: Count | None = None
    use_sliding_window: bool = True
    max_window_layers: int = 0
    layer_types: tuple[str, ...] | None = None
    quantization_config: dict[str, Any] | None = None


class WeightsIndex(msgspec.Struct, frozen=True):
    """model.safetensors.index.json: the file of each tensor."""

    weight_map: dict[str, str]


class SentenceBert(msgspec.Struct, frozen=True):
    """sentence_bert_config.json of sentence-transformers."""

    max_seq_length: Count | None = None


class Token(msgspec.Struct, frozen=True):
    """A special token with its settings."""

    content: str


class TokenizerConfig(msgspec.Struct, frozen=True):
    """tokenizer_config.json. `model_max_length` may be absurdly long."""

    model_max_length: float | None = None
    bos_token: str | Token | None = None
    eos_token: str | Token | None = None
    chat_template: Any = None


def read(folder: Path, name: str, kind: type[T]) -> T | None:
    """A JSON file of a folder, None if there is no such file.

    Raises:
        ModelBuildError: it is no JSON, or of another shape; names the file and the field.
    """
    path = folder / name
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.ValidationError as exc:
        raise ModelBuildError(f"{path}: {exc}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ModelBuildError(f"{path} is not JSON: {exc}") from exc
