"""Sampling parameters are checked, and what is wrong is said by name."""

import json

import pytest
from sampling_parameters import (
    InvalidParameterError,
    SamplingParameters,
    parse_sampling_parameters,
)


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_nothing_given_means_defaults(text: str) -> None:
    """Otherwise the optional tensor would not be optional."""
    assert parse_sampling_parameters(text) == SamplingParameters()


def test_all_of_them_are_read() -> None:
    """Otherwise a parameter would be accepted and ignored."""
    given = {
        "max_tokens": 5,
        "min_tokens": 2,
        "temperature": 1,
        "top_p": 0.5,
        "top_k": -1,
        "seed": 7,
        "stop": "END",
        "ignore_eos": True,
        "repetition_penalty": 1.1,
    }
    wanted = SamplingParameters(**(given | {"stop": ("END",)}))  # type: ignore[arg-type] # a mix
    assert parse_sampling_parameters(json.dumps(given)) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"tempreature": 1}', "tempreature is unknown; known are max_tokens"),
        ('{"max_tokens": 0}', "max_tokens must be an integer of at least 1, not 0"),
        ('{"max_tokens": true}', "max_tokens must be an integer"),
        ('{"max_tokens": 5.0}', "max_tokens must be an integer"),
        ('{"max_tokens": 1, "min_tokens": 2}', "min_tokens 2 is more than max_tokens 1"),
        ('{"temperature": -1}', "temperature must be a number of at least 0 and"),
        ('{"temperature": NaN}', "temperature must be a number"),
        ('{"temperature": Infinity}', "temperature must be a number"),
        ('{"top_p": 0}', "top_p must be a number above 0"),
        ('{"top_p": 1.5}', "and at most 1"),
        ('{"top_k": -2}', "top_k must be an integer of at least -1"),
        ('{"seed": -1}', "seed must be"),
        ('{"stop": [""]}', "stop must be"),
        ('{"stop": 5}', "stop must be"),
        ('{"ignore_eos": 1}', "ignore_eos must be true or false"),
        ('{"repetition_penalty": 0}', "repetition_penalty must be a number above 0"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    """Otherwise a typing mistake would silently change answers."""
    with pytest.raises(InvalidParameterError, match=message):
        parse_sampling_parameters(text)
