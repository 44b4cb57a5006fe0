"""Rotary position embeddings: how fast each pair of dimensions turns. Pure.

The formulas are those of Hugging Face transformers' `modeling_rope_utils.py`, which the models were
published with.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import ModelBuildError

BETA_FAST, BETA_SLOW = 32.0, 1.0  # YaRN's own defaults: turns within the original context


@dataclass(frozen=True, kw_only=True)
class Rope:
    """A model's rotation.

    Attributes:
        frequencies: float64 [head_dim / 2], radians a position.
        scale: factor on cosines and sines; not 1 for YaRN alone.
    """

    frequencies: NDArray[np.float64]
    scale: float = 1.0

    def tables(self, positions: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines and sines of every position, each float32 [positions, head_dim / 2]."""
        angles = np.outer(np.arange(positions), self.frequencies)
        cosines, sines = np.cos(angles) * self.scale, np.sin(angles) * self.scale
        return cosines.astype(np.float32), sines.astype(np.float32)


def plain(base: float, width: int) -> Rope:
    """The rotation as first published, of heads of some width."""
    exponents = np.arange(0, width, 2, dtype=np.float64) / width
    return Rope(frequencies=base**-exponents)


def scaled(base: float, width: int, context_tokens: int, settings: Mapping[str, Any]) -> Rope:
    """A rotation stretched to a longer context.

    Args:
        base: of the frequencies.
        width: of a head.
        context_tokens: of the model; the original context where the settings name none.
        settings: `rope_type` and its numbers, by transformers' names.

    Raises:
        ModelBuildError: a kind that is not supported, or a number is missing; names it.
    """
    kind = settings.get("rope_type", "default")
    rope = plain(base, width)
    match kind:
        case "default" | "none":
            return rope
        case "linear":
            return Rope(frequencies=rope.frequencies / _number(settings, "factor"))
        case "llama3":
            return _llama3(rope.frequencies, settings)
        case "yarn":
            return _yarn(rope.frequencies, base, context_tokens, settings)
    raise ModelBuildError(
        f"rope scaling {kind!r} is not supported, only 'linear', 'llama3' and 'yarn'"
    )


def _llama3(frequencies: NDArray[np.float64], settings: Mapping[str, Any]) -> Rope:
    """Slow turns stretched, fast ones kept, a ramp between."""
    low, high = _number(settings, "low_freq_factor"), _number(settings, "high_freq_factor")
    turns = _number(settings, "original_max_position_embeddings") * frequencies / (2 * math.pi)
    kept = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return Rope(frequencies=frequencies * (kept + (1 - kept) / _number(settings, "factor")))


def _yarn(
    frequencies: NDArray[np.float64], base: float, context_tokens: int, settings: Mapping[str, Any]
) -> Rope:
    """Like llama3, with the ramp over dimensions and a factor on the attention's scores."""
    if unknown := {"mscale", "mscale_all_dim", "truncate"} & settings.keys():
        raise ModelBuildError(f"rope scaling 'yarn' with {min(unknown)} is not supported")
    factor = _number(settings, "factor")
    original = settings.get("original_max_position_embeddings") or context_tokens
    width = 2 * len(frequencies)

    def dimension(turns: float) -> float:
        """Where a pair turns so often within the original context."""
        return width * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))

    first = max(math.floor(dimension(settings.get("beta_fast") or BETA_FAST)), 0)
    last = min(math.ceil(dimension(settings.get("beta_slow") or BETA_SLOW)), width - 1)
    stretched = np.clip((np.arange(width // 2) - first) / max(last - first, 0.001), 0.0, 1.0)
    scale = settings.get("attention_factor") or (0.1 * math.log(factor) + 1 if factor > 1 else 1.0)
    return Rope(frequencies=frequencies * (1 - stretched + stretched / factor), scale=scale)


def _number(settings: Mapping[str, Any], name: str) -> float:
    value = settings.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        kind = settings.get("rope_type")
        raise ModelBuildError(f"rope scaling {kind!r} needs {name} above 0, not {value!r}")
    return float(value)
