"""Text comes in whole characters, and ends where a stop text begins."""

import pytest
from detokenizer import Detokenizer, StopFinder
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from tests.tiny_models import byte_tokens


def byte_tokenizer() -> Tokenizer:
    """One token for each byte: every character beyond ASCII takes several."""
    vocab = {token: index for index, token in enumerate(byte_tokens())}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


TOKENIZER = byte_tokenizer()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_pieces_are_whole_characters_and_join_to_the_text(text: str) -> None:
    """Otherwise a stream would show broken characters, or lose some."""
    detokenizer = Detokenizer(TOKENIZER)
    pieces = [detokenizer.push(token) for token in TOKENIZER.encode(text).ids]
    pieces.append(detokenizer.flush())
    assert "".join(pieces) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_that_never_ends_comes_at_the_end() -> None:
    """Otherwise an answer cut off inside a character would fail or lose its end."""
    detokenizer = Detokenizer(TOKENIZER)
    first_bytes = TOKENIZER.encode("a€").ids[:3]
    assert [detokenizer.push(token) for token in first_bytes] == ["a", "", ""]
    assert detokenizer.flush() == "\ufffd"
    assert detokenizer.flush() == ""


def test_leading_spaces_survive_a_decoder_that_strips_them() -> None:
    """Otherwise words of a SentencePiece model would run together."""
    vocab = {"▁hello": 0, "▁world": 1}
    tokenizer = Tokenizer(models.WordLevel(vocab))
    tokenizer.decoder = decoders.Metaspace()
    detokenizer = Detokenizer(tokenizer)
    assert [detokenizer.push(token) for token in (0, 1, 0)] == ["hello", " world", " hello"]


@pytest.mark.parametrize(
    ("pieces", "given_away"),
    [
        (["Hello wor", "ld. END more"], "Hello world. "),
        (["Hello E", "N", "D"], "Hello "),
        (["Hello E", "N", "G"], "Hello ENG"),
        (["EEN", "ND"], "EENND"),
        (["EEN", "D"], "E"),
        (["Hello STO", "P"], "Hello "),
    ],
)
def test_stop_texts_across_pieces(pieces: list[str], given_away: str) -> None:
    """Otherwise a stop text would slip through at a token's border."""
    finder = StopFinder(["END", "STOP"])
    out = ""
    for piece in pieces:
        out += finder.push(piece)
        if finder.found:
            break
    assert out + finder.flush() == given_away


@given(st.lists(st.text("ab", max_size=4)), st.lists(st.text("ab", min_size=1, max_size=4)))
def test_the_stream_ends_at_the_first_stop_text(pieces: list[str], stops: list[str]) -> None:
    """Otherwise the answer would depend on where the tokens' borders lie."""
    finder = StopFinder(stops)
    out = ""
    for piece in pieces:
        out += finder.push(piece)
        if finder.found:
            break
    out += finder.flush()
    text = "".join(pieces)
    assert text.startswith(out)
    assert finder.found == any(stop in text for stop in stops)
    assert finder.found or out == text
    assert not any(stop in out for stop in stops)
