"""The `sampling_parameters` of a request: vLLM's names, checked."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class InvalidParameterError(ValueError):
    """A sampling parameter that is unknown or out of range; the message names it."""


@dataclass(frozen=True, kw_only=True)
class SamplingParameters:
    """How to pick tokens and when to stop.

    Attributes:
        max_tokens: most tokens to generate; the context's end may come first.
        min_tokens: tokens to generate before an end token or a stop string may end the answer.
        temperature: 0 takes the likeliest token; above 0 draws.
        top_p: draw from the likeliest tokens that hold this share of the probability.
        top_k: draw from this many likeliest tokens; 0 or -1 from all.
        min_p: draw from tokens of at least this share of the likeliest one's probability.
        seed: makes draws repeatable; None for fresh randomness.
        stop: texts that end the answer and are left out of it.
        ignore_eos: go on past end tokens.
        repetition_penalty: above 1 makes tokens of the prompt and answer less likely to come again.
    """

    max_tokens: int = 16  # vLLM's default, so that either backend answers alike
    min_tokens: int = 0
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    repetition_penalty: float = 1.0


def parse_sampling_parameters(text: str) -> SamplingParameters:
    """Read the JSON object of a request; empty text means all defaults.

    Raises:
        InvalidParameterError: it is no JSON object, or some parameter is unknown or out of range.
    """
    try:
        given = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as exc:
        raise InvalidParameterError(f"sampling_parameters is not JSON: {exc}") from exc
    if not isinstance(given, dict):
        raise InvalidParameterError("sampling_parameters is not a JSON object")
    return _checked(given)


def _checked(given: Mapping[str, Any]) -> SamplingParameters:
    unknown = sorted(given.keys() - CHECKS.keys())
    if unknown:
        raise InvalidParameterError(
            f"sampling parameter {unknown[0]} is unknown; known are {', '.join(CHECKS)}"
        )
    parameters = SamplingParameters(**{key: CHECKS[key](key, given[key]) for key in given})
    if parameters.min_tokens > parameters.max_tokens:
        raise InvalidParameterError(
            f"min_tokens {parameters.min_tokens} is more than max_tokens {parameters.max_tokens}"
        )
    return parameters


def _integer(least: int) -> Callable[[str, object], int]:
    def check(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidParameterError(
                f"{name} must be an integer of at least {least}, not {value!r}"
            )
        return value

    return check


def _number(
    least: float, most: float, *, open_below: bool = False
) -> Callable[[str, object], float]:
    def check(name: str, value: object) -> float:
        # NaN fails every comparison, so it is refused too
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not least <= value <= most
            or (open_below and value == least)
        ):
            bound = "above" if open_below else "of at least"
            raise InvalidParameterError(
                f"{name} must be a number {bound} {least:g} and at most {most:g}, not {value!r}"
            )
        return float(value)

    return check


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidParameterError(f"{name} must be true or false, not {value!r}")
    return value


def _seed(name: str, value: object) -> int | None:
    return None if value is None else _integer(0)(name, value)


def _stop(name: str, value: object) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else ([] if value is None else value)
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise InvalidParameterError(f"{name} must be a text or a list of texts, none empty")
    return tuple(texts)


CHECKS: Mapping[str, Callable[[str, object], Any]] = {
    "max_tokens": _integer(1),
    "min_tokens": _integer(0),
    "temperature": _number(0.0, 100.0),
    "top_p": _number(0.0, 1.0, open_below=True),
    "top_k": _integer(-1),
    "min_p": _number(0.0, 1.0),
    "seed": _seed,
    "stop": _stop,
    "ignore_eos": _flag,
    "repetition_penalty": _number(0.0, 100.0, open_below=True),
}
