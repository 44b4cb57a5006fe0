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


class SentenceBert(msgspec.Struct, frozen=True):
    """sentence_bert_config.json of sentence-transformers."""

    max_seq_length: Count | None = None


class Token(msgspec.Struct, frozen=True):
    """A special token with its settings."""

    content: str


class TokenizerConfig(msgspec.Struct, frozen=True):
    """tokenizer_config.json. `model_max_length` may be absurdly long; see `UNLIMITED`."""

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
