"""Where sentences end, and where they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sentences import split


@pytest.mark.parametrize(
    "sentence",
    [
        "As Heck et al. (1975) say, it varies.",
        "As Heck et al. Smith agrees, so it is.",
        "Use any index, e.g. Shannon or, i.e. Hill numbers.",
        "See Fig. 3 and Eq. 5 in Sect. 2 of Vol. 7.",
        "The oak Q. robur is common.",
        "J. K. Smith and Dr. Jones measured it.",
        "The mean was 3.5 m at p < 0.05 in No. 4.",
        "1. An integer is given.",
        "Was it (really?) so.",
        "He waited ... and went.",
        "Visit www.example.org for more.",
    ],
)
def test_stops_that_end_nothing(sentence: str) -> None:
    """Otherwise a quote is half a sentence, and its support cannot be checked."""
    assert split(sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("It ended. Then it began.", "It ended."),
        ('He said "no." The end.', 'He said "no."'),
        ("Really? Yes!", "Really?"),
        ("It was shown (Hill, 1973). We agree.", "It was shown (Hill, 1973)."),
        ("By Smith et al. The next one.", "By Smith et al."),
        ("The answer is no. We left.", "The answer is no."),
        ("It grew by 3.5. 20 plots did not.", "It grew by 3.5."),
        ("A heading\nand a line", "A heading"),
        ("木が育つ。森になる。", "木が育つ。"),
        ("It was E. coli and so was I. They left.", "It was E. coli and so was I."),
    ],
)
def test_stops_that_end_a_sentence(text: str, first: str) -> None:
    """Otherwise two claims are checked as one."""
    assert split(text)[0] == first
    assert len(split(text)) == 2


@given(st.text(alphabet="ab A.B!?\n)\"'0,éΩ。 ") | st.text())
def test_nothing_but_whitespace_is_lost(text: str) -> None:
    """Otherwise evidence cannot be found again in its passage."""
    found, at = split(text), 0
    for sentence in found:
        at = text.index(sentence, at) + len(sentence)
        assert sentence.strip() == sentence != ""
    assert "".join("".join(found).split()) == "".join(text.split())
