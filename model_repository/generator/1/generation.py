"""Answers one prompt, token by token."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from caches import Cache
from decoder import PREFILL_TOKENS, Decoder
from detokenizer import Detokenizer, StopFinder
from numpy.typing import NDArray
from sampling import Sampler
from sampling_parameters import SamplingParameters
from tokenizers import Tokenizer


class PromptTooLongError(ValueError):
    """The prompt leaves no room for a single token of an answer."""


class Cancelled(Exception):  # noqa: N818 - a caller's wish, not an error
    """The caller no longer waits for the answer."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of an answer.

    Attributes:
        text: whole characters; may be empty in the last piece.
        tokens: tokens generated since the piece before.
        finish_reason: `stop` or `length` in the last piece, else None.
    """

    text: str
    tokens: int
    finish_reason: str | None = None


class AnswerText:
    """An answer's text as tokens come: detokenized, and watched for stop texts.

    Args:
        tokenizer: decodes tokens.
        parameters: of the request.
    """

    def __init__(self, tokenizer: Tokenizer, parameters: SamplingParameters) -> None:
        self._detokenizer = Detokenizer(tokenizer)
        self._stops = StopFinder(parameters.stop)
        self._free_tokens = parameters.min_tokens  # no stop text is looked for in these

    def push(self, token: int) -> str:
        """Text to give away after one more token."""
        text = self._detokenizer.push(token)
        self._free_tokens -= 1
        return text if self._free_tokens >= 0 else self._stops.push(text)

    def flush(self) -> str:
        """Text to give away at the end."""
        text = self._stops.push(self._detokenizer.flush())
        return text if self.stopped else text + self._stops.flush()

    @property
    def stopped(self) -> bool:
        """Whether a stop text came."""
        return self._stops.found


def check_prompt(prompt_ids: Sequence[int], context_tokens: int) -> None:
    """Make sure that a prompt can be answered.

    Raises:
        PromptTooLongError: it leaves no room for a token; gives both numbers.
        ValueError: it is empty.
    """
    if not prompt_ids:
        raise ValueError("text_input is empty")
    if len(prompt_ids) >= context_tokens:
        raise PromptTooLongError(
            f"prompt_too_long: the prompt has {len(prompt_ids)} tokens and the model's context "
            f"holds {context_tokens}, at least one of them for the answer"
        )


def generate(
    decoder: Decoder,
    tokenizer: Tokenizer,
    prompt_ids: Sequence[int],
    parameters: SamplingParameters,
    is_cancelled: Callable[[], bool],
) -> Iterator[Piece]:
    """Answer a prompt.

    Args:
        decoder: runs the graph.
        tokenizer: of the same model.
        prompt_ids: tokens that passed `check_prompt`.
        parameters: how to pick tokens and when to stop.
        is_cancelled: asked before each run of the graph.

    Yields:
        Pieces of the answer as they come; the last one has a finish reason.

    Raises:
        Cancelled: the caller said so.
    """
    info = decoder.info
    limit = min(parameters.max_tokens, info.context_tokens - len(prompt_ids))
    sampler = Sampler(parameters, prompt_ids, info.end_token_ids)
    text = AnswerText(tokenizer, parameters)
    ends = () if parameters.ignore_eos else info.end_token_ids
    untold = 0  # tokens that no piece has counted yet
    for count, token in enumerate(_tokens(decoder, prompt_ids, limit, sampler, is_cancelled), 1):
        untold += 1
        piece = text.flush() if token in ends else text.push(token)
        if token in ends or text.stopped:
            yield Piece(text=piece, tokens=untold, finish_reason="stop")
            return
        if count == limit:
            last = piece + text.flush()
            reason = "stop" if text.stopped else "length"
            yield Piece(text=last, tokens=untold, finish_reason=reason)
            return
        if piece:
            yield Piece(text=piece, tokens=untold)
            untold = 0


def _tokens(
    decoder: Decoder,
    prompt_ids: Sequence[int],
    limit: int,
    sampler: Sampler,
    is_cancelled: Callable[[], bool],
) -> Iterator[int]:
    """Tokens after the prompt, each computed only when it is asked for."""
    cache = decoder.new_cache(1, len(prompt_ids) + limit)
    logits = prefill(decoder, prompt_ids, cache, is_cancelled)
    length = len(prompt_ids)
    while True:
        token = sampler.pick(logits)
        yield token
        _stop_if(is_cancelled)
        length += 1
        logits = decoder.run(np.array([[token]]), [length], cache)[0]


def prefill(
    decoder: Decoder, prompt_ids: Sequence[int], cache: Cache, is_cancelled: Callable[[], bool]
) -> NDArray[np.float32]:
    """Put a prompt into an empty cache of one sequence, a chunk at a time.

    Returns:
        Scores of the token after it, float32 [vocabulary].

    Raises:
        Cancelled: the caller said so between two chunks.
    """
    ids = np.array([prompt_ids], np.int64)
    for start in range(0, ids.shape[1], PREFILL_TOKENS):
        _stop_if(is_cancelled)
        chunk = ids[:, start : start + PREFILL_TOKENS]
        logits = decoder.run(chunk, [start + chunk.shape[1]], cache)
    scores: NDArray[np.float32] = logits[0]
    return scores


def _stop_if(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise Cancelled
