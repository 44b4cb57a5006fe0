"""The small files beside weights, as Hugging Face's libraries write them."""

from pathlib import Path

from tokenizers import Tokenizer

from services.model_builder import configs
from services.model_builder.configs import Config, Token, TokenIds, TokenizerConfig
from shared.errors import ModelBuildError

TOKENIZER = "tokenizer.json"
TEMPLATE = "chat_template.jinja"


def need(folder: Path, name: str) -> Path:
    """A file that must be there.

    Raises:
        ModelBuildError: it is not.
    """
    if not (folder / name).is_file():
        raise ModelBuildError(f"{folder} holds no {name}")
    return folder / name


def special_tokens(folder: Path) -> dict[str, str]:
    """The tokens that the chat template calls by name, and their text."""
    config = configs.read(folder, "tokenizer_config.json", TokenizerConfig) or TokenizerConfig()
    found = {"bos_token": config.bos_token, "eos_token": config.eos_token}
    return {
        name: token.content if isinstance(token, Token) else token
        for name, token in found.items()
        if token is not None
    }


def chat_template(folder: Path) -> str | None:
    """The chat template's source, from a file of its own or the tokenizer's config.

    Raises:
        ModelBuildError: the file is not UTF-8.
    """
    path = folder / TEMPLATE
    if path.is_file():
        try:
            return path.read_text("utf-8")
        except UnicodeDecodeError as exc:
            raise ModelBuildError(f"{path} is not text: {exc}") from exc
    config = configs.read(folder, "tokenizer_config.json", TokenizerConfig) or TokenizerConfig()
    return config.chat_template if isinstance(config.chat_template, str) else None


def tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer.

    Raises:
        ModelBuildError: there is none, or it is damaged.
    """
    path = need(folder, TOKENIZER)
    try:
        return Tokenizer.from_file(str(path))
    except Exception as exc:  # what the tokenizers library raises has no class of its own
        raise ModelBuildError(f"{path} cannot be read as a tokenizer: {exc}") from exc


def begin_token_id(known: Tokenizer) -> int | None:
    """The token that a tokenizer puts before every text, if it does."""
    bare, whole = (known.encode("a", add_special_tokens=wish).ids for wish in (False, True))
    return whole[0] if whole[1 : 1 + len(bare)] == bare else None


def end_token_ids(folder: Path, known: Tokenizer, otherwise: TokenIds) -> tuple[int, ...]:
    """Ids of the tokens that end an answer.

    Those of generation_config.json, or else of `otherwise`, and the tokenizer's own: many models
    that were taught to chat end their turns with it and keep the base model's in their config.
    """
    generation = configs.read(folder, "generation_config.json", Config) or Config()
    ids = otherwise if generation.eos_token_id is None else generation.eos_token_id
    named = () if ids is None else (ids,) if isinstance(ids, int) else ids
    own = known.token_to_id(special_tokens(folder).get("eos_token", ""))
    return tuple(dict.fromkeys([*named, *([] if own is None else [own])]))
