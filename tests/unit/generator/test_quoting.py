"""A quotation mark says that somebody said just this."""

import pytest

from services.generator.quoting import claimed, shown

PASSAGE = "We counted oaks in 120 plots of the reserve."


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("“We counted oaks.” [1]", "We counted oaks."),
        ('"We counted oaks." [1]', "We counted oaks."),
        ("“We counted oaks.” [1].", "We counted oaks."),
        ("“We counted oaks.", "We counted oaks."),  # the first of a longer quote
        ("We counted oaks.” [1]", "We counted oaks."),  # its last
        ("We counted oaks. [1]", "We counted oaks."),
        ("They call it “counting” oaks. [1]", "They call it “counting” oaks."),
        ("“”", ""),
    ],
)
def test_what_is_claimed_are_the_words_alone(sentence: str, words: str) -> None:
    """Marks would be graded along with the words, and some sentences fail for them."""
    assert claimed(sentence) == words


@pytest.mark.parametrize(
    ("sentence", "leaves"),
    [
        (f"“{PASSAGE}” [1]", f"“{PASSAGE}”"),
        (f"“{PASSAGE} [1]", f"“{PASSAGE}”"),
        ("“We counted oaks in 120 plots.” [1]", "“We counted oaks in 120 plots.”"),
        ("“Oaks were counted in 120 plots.” [1]", "Oaks were counted in 120 plots."),
        (f"{PASSAGE} [1]", PASSAGE),
        ("They call it “counting” oaks. [1]", "They call it “counting” oaks."),
    ],
)
def test_only_what_a_passage_says_leaves_as_its_words(sentence: str, leaves: str) -> None:
    """A reader would quote a paper with words that a model made."""
    assert shown(sentence, PASSAGE) == leaves
