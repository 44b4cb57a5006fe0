"""One answer between runs of the graph: picks the next token and says what text it gives. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from detokenizer import Detokenizer, StopFinder
from numpy.typing import NDArray
from sampling import Sampler
from sampling_parameters import SamplingParameters
from tokenizers import Tokenizer


class PromptTooLongError(ValueError):
    """The prompt leaves no room for a single token of an answer."""


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


class Generation:
    """An answer in the making.

    Args:
        tokenizer: of the model.
        prompt_ids: the prompt's tokens.
        parameters: how to pick tokens and when to stop.
        end_ids: the model's tokens that end an answer.
        room: tokens that one sequence can hold.

    Attributes:
        prompt_ids: the prompt's tokens.
        limit: most tokens that the answer will have.
        last_token: the one picked last; what the next run appends.

    Raises:
        PromptTooLongError: the prompt leaves no room for a token; gives both numbers.
        ValueError: the prompt is empty.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt_ids: Sequence[int],
        parameters: SamplingParameters,
        *,
        end_ids: Sequence[int],
        room: int,
    ) -> None:
        _check_prompt(prompt_ids, room)
        self.prompt_ids = prompt_ids
        self.limit = min(parameters.max_tokens, room - len(prompt_ids))
        self.last_token = 0
        self._sampler = Sampler(parameters, prompt_ids, end_ids)
        self._text = AnswerText(tokenizer, parameters)
        self._ends = frozenset(() if parameters.ignore_eos else end_ids)
        self._count = 0
        self._untold = 0  # tokens that no piece has counted yet

    def take(self, logits: NDArray[np.float32]) -> Piece | None:
        """Pick the next token.

        Args:
            logits: float32 [vocabulary], the scores of what comes next.

        Returns:
            A piece to give away, the last one with a finish reason; None while a character lacks
            bytes or a stop text may have begun.
        """
        token = self.last_token = self._sampler.pick(logits)
        self._count += 1
        self._untold += 1
        ended = token in self._ends
        text = self._text.flush() if ended else self._text.push(token)
        if ended or self._text.stopped:
            return self._told(text, "stop")
        if self._count == self.limit:
            text += self._text.flush()
            return self._told(text, "stop" if self._text.stopped else "length")
        return self._told(text, None) if text else None

    def _told(self, text: str, reason: str | None) -> Piece:
        tokens, self._untold = self._untold, 0
        return Piece(text=text, tokens=tokens, finish_reason=reason)


def _check_prompt(prompt_ids: Sequence[int], room: int) -> None:
    if not prompt_ids:
        raise ValueError("text_input is empty")
    if len(prompt_ids) >= room:
        raise PromptTooLongError(
            f"prompt_too_long: the prompt has {len(prompt_ids)} tokens and the model's context "
            f"holds {room}, at least one of them for the answer"
        )
