"""A tokenizer rebuilt from GGUF metadata."""

from pathlib import Path

import pytest
from detokenizer import Detokenizer
from gguf import GGUFWriter

from services.model_builder.gguf_file import GgufFile
from services.model_builder.tokenizer_gguf import build_tokenizer, end_token_ids, wants_begin
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
    gguf = GgufFile(tiny_models.write_gguf(tmp_path / "m.gguf", pre="default"))
    with pytest.raises(
        ModelBuildError, match=r"tokenizer\.ggml\.pre 'default' is not supported, only gpt-2"
    ):
        build_tokenizer(gguf)


TEXT = "I'm DON'T 1234567 ½ ...!!\r\n\n  Zürich_é <|im_end|>"
NUMBERS = {
    "gpt-2": ["1234567"],
    "llama-bpe": ["123", "456", "7"],
    "qwen2": list("1234567"),
    "smollm": list("1234567"),
}


@pytest.mark.parametrize("pre", NUMBERS)
def test_each_split_cuts_numbers_its_own_way(tmp_path: Path, pre: str) -> None:
    """Numbers, which answers are held against, would reach the model in unknown pieces."""
    gguf = GgufFile(tiny_models.write_gguf(tmp_path / "m.gguf", pre=pre))
    splitter = build_tokenizer(gguf).pre_tokenizer
    pieces = [piece.lstrip("Ġ") for piece, _ in splitter.pre_tokenize_str(TEXT)]
    assert [piece for piece in pieces if piece.isdecimal() and piece.isascii()] == NUMBERS[pre]
    assert build_tokenizer(gguf).decode(build_tokenizer(gguf).encode(TEXT).ids) == TEXT.replace(
        "<|im_end|>", ""
    )


def test_llama3_takes_whole_words_before_merges(tmp_path: Path) -> None:
    """Words that no merge reaches would fall into pieces that the model seldom saw."""
    texts = {}
    for pre in ("llama-bpe", "qwen2"):
        path = tiny_models.write_gguf(tmp_path / f"{pre}.gguf", pre=pre, words=("ello",))
        texts[pre] = build_tokenizer(GgufFile(path)).encode("ello").tokens
    assert texts == {"llama-bpe": ["ello"], "qwen2": ["e", "ll", "o"]}


PIECES = ("▁", "▁he", "▁hell", "ll", "he", "h", "e", "l", "o", "▁a", "a")


def write_sentencepiece(path: Path) -> GgufFile:
    """Three special tokens, 256 bytes, then pieces, the first with the best score."""
    as_bytes = [f"<0x{value:02X}>" for value in range(256)]
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", *as_bytes, *PIECES])
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * len(PIECES)])
    writer.add_token_scores([0.0] * 259 + [-float(n) for n in range(len(PIECES))])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return GgufFile(path)


def test_sentencepiece_merges_by_score_and_falls_back_to_bytes(tmp_path: Path) -> None:
    """Llama 2's kind of vocabulary would give other tokens than the model was trained on."""
    gguf = write_sentencepiece(tmp_path / "m.gguf")
    tokenizer = build_tokenizer(gguf)
    encoded = tokenizer.encode("<s>hello aé</s>", add_special_tokens=False)
    assert encoded.tokens == ["<s>", "▁hell", "o", "▁a", "<0xC3>", "<0xA9>", "</s>"]
    assert tokenizer.decode(encoded.ids, skip_special_tokens=True) == "hello aé"
    assert wants_begin(gguf)
    assert end_token_ids(gguf) == [2]


def test_sentencepiece_streams_whole_characters_and_spaces(tmp_path: Path) -> None:
    """A stream would show broken characters, or words run together."""
    tokenizer = build_tokenizer(write_sentencepiece(tmp_path / "m.gguf"))
    detokenizer = Detokenizer(tokenizer)
    ids = tokenizer.encode("hello aé a  o", add_special_tokens=False).ids
    pieces = [detokenizer.push(token) for token in ids]
    assert "".join(pieces) + detokenizer.flush() == "hello aé a  o"
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)
