"""Documents that speak to the model are not listened to."""

import pytest

from services.generator.injections import speaks_to_the_model
from tests.injections import INJECTIONS


@pytest.mark.parametrize("sentence", INJECTIONS)
def test_an_order_is_known(sentence: str) -> None:
    """A document could tell the model what to say about it."""
    assert speaks_to_the_model(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "We ignore the effect of wind in all plots.",
        "Farmers say that it rains less.",
        "The system must answer queries within 10 ms.",
        "Participants were asked to write a short text and to answer five questions.",
        "Output is written as JSON.",
        "Previous instructions for the assay were followed (Sambrook et al. 1989).",
        "Note that the assistant professor repeated the measurement.",
        "The language model is prompted with the passages.",
        "If the above holds, we say that f converges.",
    ],
)
def test_what_a_paper_says_is_left_alone(sentence: str) -> None:
    """Evidence would vanish because it sounds like an order."""
    assert not speaks_to_the_model(sentence)
