"""Picks the next token from the model's scores; pure numpy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sampling_parameters import SamplingParameters

GREEDY_BELOW = 1e-5  # a temperature this low overflows the softmax and means greedy anyway


class Sampler:
    """Picks one sequence's tokens.

    Args:
        parameters: how to pick.
        prompt_ids: the prompt's tokens, which the repetition penalty counts as seen.
        end_ids: tokens that end an answer.
    """

    def __init__(
        self, parameters: SamplingParameters, prompt_ids: Sequence[int], end_ids: Sequence[int]
    ) -> None:
        self._parameters = parameters
        self._random = np.random.default_rng(parameters.seed)
        self._seen = set(prompt_ids)
        self._end_ids = list(end_ids)
        self._picked = 0

    def pick(self, logits: NDArray[np.float32]) -> int:
        """The next token.

        Args:
            logits: float32 [vocabulary], left as they are.

        Raises:
            FloatingPointError: the scores hold NaN, so the model or its weights are broken.
        """
        if np.isnan(logits.max()):
            raise FloatingPointError("the model's scores are not numbers")
        scores = self._adjusted(logits)
        greedy = self._parameters.temperature < GREEDY_BELOW
        token = int(scores.argmax()) if greedy else self._draw(scores)
        self._seen.add(token)
        self._picked += 1
        return token

    def _adjusted(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores after the repetition penalty, and without end tokens while they may not come."""
        scores = logits.astype(np.float64)
        penalty = self._parameters.repetition_penalty
        if penalty != 1.0:
            seen = np.fromiter(self._seen, np.int64)
            scores[seen] = np.where(
                scores[seen] > 0, scores[seen] / penalty, scores[seen] * penalty
            )
        if self._picked < self._parameters.min_tokens:
            scores[self._end_ids] = -np.inf
        return scores

    def _draw(self, scores: NDArray[np.float64]) -> int:
        """Draw by temperature, then top_k, then top_p: vLLM's order."""
        order = np.argsort(-scores, kind="stable")
        if self._parameters.top_k > 0:
            order = order[: self._parameters.top_k]
        weights = np.exp((scores[order] - scores[order[0]]) / self._parameters.temperature)
        shares = np.cumsum(weights / weights.sum())
        # the token that crosses top_p is the last one kept
        kept = int(np.searchsorted(shares, self._parameters.top_p)) + 1
        shares = shares[:kept]
        return int(order[np.searchsorted(shares, self._random.random() * shares[-1], side="right")])
