"""One answer, against a decoder that follows a script."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from decoder import DecoderInfo
from generation import Cancelled, PromptTooLongError, check_prompt, generate
from numpy.typing import NDArray
from sampling_parameters import SamplingParameters

from tests.unit.model_repository.test_detokenizer import TOKENIZER

END = 256


class ScriptedDecoder:
    """Answers with the tokens of a text, then with end tokens; remembers what it was fed."""

    def __init__(self, answer: str, context_tokens: int = 1000) -> None:
        self.script = [*TOKENIZER.encode(answer).ids]
        self.fed: list[tuple[list[int], int]] = []
        self.info = DecoderInfo(
            context_tokens=context_tokens,
            layers=1,
            kv_heads=1,
            head_dim=1,
            cache="shared",
            cache_dtype="float32",
            position_ids=False,
            end_token_ids=(END,),
        )

    def new_cache(self, sequences: int, capacity: int) -> Any:
        assert sequences == 1
        return capacity

    def run(
        self, ids: NDArray[np.int64], lengths: Sequence[int], cache: Any
    ) -> NDArray[np.float32]:
        assert lengths[0] <= cache
        self.fed.append((ids[0].tolist(), lengths[0]))
        decoded = sum(len(chunk) == 1 for chunk, _ in self.fed[1:])
        logits = np.zeros((1, END + 1), np.float32)
        logits[0, END] = 2.0
        if decoded < len(self.script):
            logits[0, self.script[decoded]] = 3.0
        return logits


def answer(
    decoder: ScriptedDecoder, parameters: SamplingParameters, prompt: Sequence[int] = (1, 2, 3)
) -> tuple[str, int, str | None]:
    pieces = list(generate(decoder, TOKENIZER, prompt, parameters, lambda: False))  # type: ignore[arg-type] # stands in for the decoder
    assert all(piece.finish_reason is None for piece in pieces[:-1])
    assert all(piece.text for piece in pieces[:-1])
    text = "".join(piece.text for piece in pieces)
    return text, sum(piece.tokens for piece in pieces), pieces[-1].finish_reason


def test_an_end_token_ends_it() -> None:
    """Otherwise answers would only ever end at their longest length."""
    assert answer(ScriptedDecoder("hé!"), SamplingParameters(max_tokens=50)) == ("hé!", 5, "stop")


def test_the_longest_length_ends_it() -> None:
    """Otherwise a request could keep the engine for ever."""
    decoder = ScriptedDecoder("hello")
    assert answer(decoder, SamplingParameters(max_tokens=2)) == ("he", 2, "length")
    assert len(decoder.fed) == 2  # the last token's own scores are never needed


def test_the_context_ends_it() -> None:
    """Otherwise the cache would overflow."""
    decoder = ScriptedDecoder("hello", context_tokens=6)
    assert answer(decoder, SamplingParameters(max_tokens=50)) == ("hel", 3, "length")


def test_a_stop_text_ends_it_and_stays_out() -> None:
    """Otherwise the model's own next question would be shown as an answer."""
    parameters = SamplingParameters(max_tokens=50, stop=("\nQ:",))
    assert answer(ScriptedDecoder("yes\nQ: no"), parameters) == ("yes", 6, "stop")


def test_text_held_for_a_stop_text_is_not_lost() -> None:
    """Otherwise an answer ending like the start of a stop text would lose its end."""
    parameters = SamplingParameters(max_tokens=50, stop=("\nQ:",))
    assert answer(ScriptedDecoder("yes\nQ"), parameters) == ("yes\nQ", 6, "stop")


def test_min_tokens_outlasts_end_tokens_and_stop_texts() -> None:
    """Otherwise a shortest length would not be one."""
    parameters = SamplingParameters(max_tokens=50, min_tokens=3, stop=("a",))
    assert answer(ScriptedDecoder("banana"), parameters) == ("ban", 4, "stop")


def test_ignore_eos_goes_on() -> None:
    """Otherwise benchmarks of a fixed length could not be run."""
    parameters = SamplingParameters(max_tokens=9, ignore_eos=True)
    assert answer(ScriptedDecoder("ab"), parameters)[1:] == (9, "length")


def test_a_long_prompt_goes_in_chunks() -> None:
    """Otherwise a cancelled request would hold the engine for its whole prompt."""
    decoder = ScriptedDecoder("x")
    answer(decoder, SamplingParameters(max_tokens=1), prompt=list(range(1, 256)) * 2 + [1, 2])
    assert [(len(ids), length) for ids, length in decoder.fed] == [(256, 256), (256, 512)]


def test_cancelling_stops_before_the_next_run() -> None:
    """Otherwise answers nobody waits for would keep the engine."""
    decoder = ScriptedDecoder("hello")
    parameters = SamplingParameters(max_tokens=50)
    pieces = generate(decoder, TOKENIZER, [1], parameters, lambda: len(decoder.fed) >= 2)  # type: ignore[arg-type] # stands in for the decoder
    assert [next(pieces).text, next(pieces).text] == ["h", "e"]
    with pytest.raises(Cancelled):
        next(pieces)
    assert len(decoder.fed) == 2


def test_a_prompt_must_leave_room() -> None:
    """Otherwise a prompt of exactly the context's length would overflow it."""
    check_prompt([1] * 9, 10)
    with pytest.raises(PromptTooLongError, match=r"^prompt_too_long: .* 10 tokens .* holds 10,"):
        check_prompt([1] * 10, 10)
    with pytest.raises(ValueError, match="empty"):
        check_prompt([], 10)
