"""A tokenizer rebuilt from GGUF metadata."""

from pathlib import Path

import pytest

from services.model_builder.gguf_file import GgufFile
from services.model_builder.tokenizer_gguf import build_tokenizer, end_token_ids
from shared.errors import ModelBuildError
from tests import tiny_models


def test_special_tokens_merges_and_digits(tmp_path: Path) -> None:
    """Otherwise prompts would reach the model as tokens it was not trained on."""
    tokenizer = build_tokenizer(GgufFile(tiny_models.write_gguf(tmp_path / "m.gguf")))
    encoded = tokenizer.encode("<|im_start|>hello hello 42é<|im_end|>", add_special_tokens=False)
    bytes_of_e = ["Ã", "©"]
    digits = ["Ġ", "4", "2"]
    words = ["<|im_start|>", "hell", "o", "Ġ", "hell", "o"]
    assert encoded.tokens == [*words, *digits, *bytes_of_e, "<|im_end|>"]
    assert tokenizer.decode(encoded.ids, skip_special_tokens=True) == "hello hello 42é"


def test_end_tokens_are_the_named_and_the_known_ones(tmp_path: Path) -> None:
    """Otherwise an answer would run on past its end."""
    assert end_token_ids(GgufFile(tiny_models.write_gguf(tmp_path / "m.gguf"))) == [0, 2]


def test_an_unknown_split_is_refused_by_name(tmp_path: Path) -> None:
    """Otherwise text would be cut wrongly and in silence."""
    gguf = GgufFile(tiny_models.write_gguf(tmp_path / "m.gguf", pre="llama-bpe"))
    with pytest.raises(ModelBuildError, match=r"tokenizer\.ggml\.pre 'llama-bpe'"):
        build_tokenizer(gguf)
