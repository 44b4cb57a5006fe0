"""Picks the next token from the model's scores; pure numpy."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sampling_parameters import SamplingParameters

GREEDY_BELOW = 1e-5  # a temperature this low overflows the softmax and means greedy anyway
NEGLIGIBLE = 32.0  # e^-32 of the likeliest token's probability: all such together are never drawn
FEW = 512  # likeliest tokens that nearly always hold top_p; sorting these beats sorting all


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
        self._seen = set(prompt_ids) if parameters.repetition_penalty != 1.0 else set()
        self._end_ids = list(end_ids)
        self._picked = 0

    def pick(self, logits: NDArray[np.float32]) -> int:
        """The next token.

        Args:
            logits: float32 [vocabulary], left as they are.

        Raises:
            FloatingPointError: the scores hold NaN, so the model or its weights are broken.
        """
        scores = self._adjusted(logits)
        best = int(scores.argmax())  # numpy takes NaN for the greatest
        if np.isnan(scores[best]):
            raise FloatingPointError("the model's scores are not numbers")
        greedy = self._parameters.temperature < GREEDY_BELOW
        token = best if greedy else self._draw(scores, scores[best])
        if self._parameters.repetition_penalty != 1.0:
            self._seen.add(token)
        self._picked += 1
        return token

    def _adjusted(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores after the repetition penalty, and without end tokens while they may not come."""
        penalty = self._parameters.repetition_penalty
        too_early = self._picked < self._parameters.min_tokens
        if penalty == 1.0 and not too_early:
            return logits
        scores = logits.copy()
        if penalty != 1.0:
            seen = np.fromiter(self._seen, np.int64)
            scores[seen] = np.where(
                scores[seen] > 0, scores[seen] / penalty, scores[seen] * penalty
            )
        if too_early:
            scores[self._end_ids] = -np.inf
        return scores

    def _draw(self, scores: NDArray[np.float32], best: float) -> int:
        """Draw by temperature, then min_p, top_k and top_p: vLLM's order."""
        wanted = self._parameters
        depth = min(NEGLIGIBLE, -math.log(wanted.min_p) if wanted.min_p else NEGLIGIBLE)
        kept = np.flatnonzero(scores >= best - depth * wanted.temperature)
        weights = np.exp((scores[kept].astype(np.float64) - best) / wanted.temperature)
        if wanted.top_k > 0:
            chosen = _likeliest(weights, wanted.top_k)
            kept, weights = kept[chosen], weights[chosen]
        if wanted.top_p < 1.0:
            chosen = _nucleus(weights, wanted.top_p)
            kept, weights = kept[chosen], weights[chosen]
        shares = np.cumsum(weights)
        return int(kept[np.searchsorted(shares, self._random.random() * shares[-1], side="right")])


def _likeliest(weights: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Places of the greatest weights, greatest first; of equal ones the first."""
    if count < len(weights):
        least = np.partition(weights, -count)[-count]
        places = np.flatnonzero(weights >= least)
    else:
        places = np.arange(len(weights))
    order: NDArray[np.int64] = places[np.argsort(-weights[places], kind="stable")][:count]
    return order


def _nucleus(weights: NDArray[np.float64], top_p: float) -> NDArray[np.int64]:
    """Places of the likeliest that hold `top_p` of all weight; the one that crosses it is in."""
    enough = top_p * weights.sum()
    order = _likeliest(weights, FEW)
    if weights[order].sum() < enough:
        order = _likeliest(weights, len(weights))
    return order[: int(np.searchsorted(np.cumsum(weights[order]), enough)) + 1]
