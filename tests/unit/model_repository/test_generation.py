"""One answer between runs of the graph, fed with scores that follow a script."""

from collections.abc import Sequence

import numpy as np
import pytest
from generation import Generation, Piece, PromptTooLongError
from sampling_parameters import SamplingParameters

from tests.unit.model_repository.test_detokenizer import TOKENIZER

END = 256


def generation(
    parameters: SamplingParameters, prompt: Sequence[int] = (1, 2, 3), room: int = 1000
) -> Generation:
    return Generation(TOKENIZER, prompt, parameters, end_ids=(END,), room=room)


def pieces(script: str, parameters: SamplingParameters, room: int = 1000) -> list[Piece]:
    """What comes of a model that says the script and then only end tokens."""
    going, said = generation(parameters, room=room), TOKENIZER.encode(script).ids
    found: list[Piece] = []
    for step in range(1000):
        logits = np.zeros(END + 1, np.float32)
        logits[END] = 2.0
        if step < len(said):
            logits[said[step]] = 3.0
        if piece := going.take(logits):
            found.append(piece)
            if piece.finish_reason:
                return found
    raise AssertionError("never finished")


def answer(
    script: str, parameters: SamplingParameters, room: int = 1000
) -> tuple[str, int, str | None]:
    found = pieces(script, parameters, room)
    assert all(piece.text for piece in found[:-1])
    text = "".join(piece.text for piece in found)
    return text, sum(piece.tokens for piece in found), found[-1].finish_reason


def test_an_end_token_ends_it() -> None:
    """Otherwise answers would only ever end at their longest length."""
    assert answer("hé!", SamplingParameters(max_tokens=50)) == ("hé!", 5, "stop")


def test_the_longest_length_ends_it() -> None:
    """Otherwise a request could keep its row for ever."""
    assert answer("hello", SamplingParameters(max_tokens=2)) == ("he", 2, "length")


def test_the_context_ends_it() -> None:
    """Otherwise the cache would overflow."""
    assert answer("hello", SamplingParameters(max_tokens=50), room=6) == ("hel", 3, "length")


def test_a_stop_text_ends_it_and_stays_out() -> None:
    """Otherwise the model's own next question would be shown as an answer."""
    parameters = SamplingParameters(max_tokens=50, stop=("\nQ:",))
    assert answer("yes\nQ: no", parameters) == ("yes", 6, "stop")


def test_text_held_for_a_stop_text_is_not_lost() -> None:
    """Otherwise an answer ending like the start of a stop text would lose its end."""
    parameters = SamplingParameters(max_tokens=50, stop=("\nQ:",))
    assert answer("yes\nQ", parameters) == ("yes\nQ", 6, "stop")


def test_min_tokens_outlasts_end_tokens_and_stop_texts() -> None:
    """Otherwise a shortest length would not be one."""
    parameters = SamplingParameters(max_tokens=50, min_tokens=3, stop=("a",))
    assert answer("banana", parameters) == ("ban", 4, "stop")


def test_ignore_eos_goes_on() -> None:
    """Otherwise benchmarks of a fixed length could not be run."""
    parameters = SamplingParameters(max_tokens=9, ignore_eos=True)
    assert answer("ab", parameters)[1:] == (9, "length")


def test_the_token_picked_last_is_what_runs_next() -> None:
    """Otherwise the next run would append another token than the one the caller saw."""
    going = generation(SamplingParameters(max_tokens=5))
    going.take(np.eye(END + 1, dtype=np.float32)[7])
    assert going.last_token == 7


def test_a_prompt_must_leave_room() -> None:
    """Otherwise a prompt of exactly the context's length would overflow it."""
    assert generation(SamplingParameters(), [1] * 9, room=10).limit == 1
    with pytest.raises(PromptTooLongError, match=r"^prompt_too_long: .* 10 tokens .* holds 10,"):
        generation(SamplingParameters(), [1] * 10, room=10)
    with pytest.raises(ValueError, match="empty"):
        generation(SamplingParameters(), [], room=10)
