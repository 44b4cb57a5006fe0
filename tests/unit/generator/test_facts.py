"""Numbers, addresses and names that were made up are seen, others are not accused."""

import pytest

from services.generator.facts import Known, invented

KNOWN = Known(
    [
        "The network, pre-trained on ImageNet, is fine-tuned on Pl@ntNet data with 30,261 species.",
        "It extends the inception model49; see https://github.com/x/plantnet. Zenodo holds CNNs.",
        "They are kept in the Bio-\nDiversity archive.",
    ]
)


@pytest.mark.parametrize(
    ("text", "made_up"),
    [
        ("The network was trained on MNIST.", {"MNIST"}),
        ("CIFAR10 was used.", {"CIFAR10", "10"}),
        ("It covers 30,262 species.", {"30262"}),
        ("See https://example.org/x.", {"https://example.org/x"}),
        ("The code is at github.com/y/plantnet.", {"github.com/y/plantnet"}),
        ("As Smith says, ImageNet was used.", {"Smith"}),
    ],
)
def test_what_no_passage_holds_is_named(text: str, made_up: set[str]) -> None:
    """An invented data set would leave as an answer: its sentence sounds like the right one."""
    assert invented(text, KNOWN) == made_up


@pytest.mark.parametrize(
    "text",
    [
        "ImageNet was used, and Pl@ntNet's data.",
        "There are 30261 species.",
        "The code is at https://github.com/x/plantnet.",
        "They use a CNN, which extends the Inception model.",
        "Training took place on ImageNet.",
        "All are in BioDiversity.",
    ],
)
def test_what_a_passage_holds_is_not(text: str) -> None:
    """A good answer would be replaced by quotes for a plural or a full stop."""
    assert invented(text, KNOWN) == set()
