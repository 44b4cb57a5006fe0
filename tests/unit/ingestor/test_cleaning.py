"""The steps of cleaning, each alone."""

import pytest

from services.ingestor.cleaning import headings, hyphenation, marks
from services.ingestor.cleaning.characters import many_lines, one_line, plain
from services.ingestor.cleaning.lines import Line, row


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("e\ufb03cient \ufb02ow", "efficient flow"),
        ("soft\u00adhyphen", "softhyphen"),
        ("x² and ½", "x² and ½"),
        ("So\u0301lymos", "S\u00f3lymos"),
        ("zero\u200bwidth\x00", "zerowidth"),
        ("\ufeb3\ufefc\ufee1", "\u0633\u0644\u0627\u0645"),
    ],
)
def test_characters(raw: str, clean: str) -> None:
    """Otherwise words are not found, or formulas say something else."""
    assert plain(raw) == clean


def test_whitespace() -> None:
    """Otherwise odd spaces part words that a search has together, or glue lines of a table."""
    assert one_line("a\u00a0\n\t b ") == "a b"
    assert many_lines("a  b\n\n  c \n") == "a b\n c"


@pytest.mark.parametrize(
    ("above", "below", "whole"),
    [
        ("the identifica-", "tion of", "the identification of"),
        ("a long-", "term study", "a long-term study"),
        ("the short-", "and long-term", "the short- and long-term"),
        ("the Shannon-", "Weaver index", "the Shannon-Weaver index"),
        ("COVID-", "19 cases", "COVID-19 cases"),
        ("a well-", "known fact", "a well-known fact"),
        ("in 1990\u2013", "1995", "in 1990\u20131995"),
        ("minus -", "sign", "minus - sign"),
        ("a line", "below", "a line below"),
        ("INTRODUC-", "TION", "INTRODUCTION"),
        ("a low-", "dimensional plot", "a low-dimensional plot"),
        ("\u6a39\u6728\u304c", "\u80b2\u3064\u3002", "\u6a39\u6728\u304c\u80b2\u3064\u3002"),
    ],
)
def test_hyphenation(above: str, below: str, whole: str) -> None:
    """Otherwise words cut at a line's end are found neither whole nor as compounds."""
    known = hyphenation.vocabulary(["it is a long-term plan", "as is well known here"])
    assert hyphenation.join(above, below, known) == whole


def test_words_at_line_ends_teach_nothing() -> None:
    """Otherwise the halves of a cut word prove that it is two words."""
    assert "identifica" not in hyphenation.vocabulary(["the identifica-", "tion of trees"])


@pytest.mark.parametrize(
    ("text", "scale", "bold", "apart", "level"),
    [
        ("2.1 Data", 1.2, True, True, 2),
        ("3 Results", 1.4, True, True, 1),
        ("REFERENCES", 1.0, False, False, 1),
        ("Abstract", 1.0, True, False, 1),
        ("2.1 Study area and species", 1.0, False, True, 2),
        ("1. An integer in which case", 1.0, False, True, None),
        ("3.5 m of rain fell on the plots, which", 1.0, False, False, None),
        ("The results are shown below.", 1.0, True, True, None),
        ("A bold line apart", 1.0, True, True, 2),
        ("an ordinary line", 1.0, False, True, None),
    ],
)
def test_headings(text: str, scale: float, bold: bool, apart: bool, level: int | None) -> None:  # noqa: FBT001 - pytest fills them in
    """Otherwise text is lost to headings, or chunks run over sections."""
    assert headings.level(text, scale=scale, bold=bold, apart=apart) == level


def test_sections_close_those_below_them() -> None:
    """Otherwise "Results" is cited as a part of "Methods"."""
    sections = headings.Sections()
    sections.enter(1, "Methods")
    sections.enter(2, "Sampling")
    assert str(sections) == "Methods > Sampling"
    sections.enter(1, "Results")
    assert str(sections) == "Results"


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("the model^49^ of", "the model of"),
        ("as shown.^1-3,5^ Then", "as shown. Then"),
        ("the bibliography^6 ^. Note", "the bibliography. Note"),
        ("10^-3^ m^2^", "10\u207b\u00b3 m\u00b2"),
        ("sin^2^ x", "sin\u00b2 x"),
        ("the 2^nd^ day", "the 2nd day"),
        ("^1 ^A note", "1 A note"),
        ("Ada Lovelace^a,*^ and", "Ada Lovelace and"),
        ("at 25^o^ C", "at 25\u00b0 C"),
    ],
)
def test_raised_characters(line: str, clean: str) -> None:
    """Otherwise numbers of sources are glued to words, and exponents become digits."""
    runs = [(part, bool(at % 2)) for at, part in enumerate(line.split("^")) if part]
    assert marks.resolved(runs) == clean


def test_the_document_decides_about_compounds() -> None:
    """Otherwise a name in a listing takes the hyphen from a word used throughout."""
    known = hyphenation.vocabulary(["a log-normal model, a log-normal fit", "radfit lognormal x"])
    assert hyphenation.join("the log-", "normal model", known) == "the log-normal model"


def test_a_row_from_right_to_left_begins_at_its_right() -> None:
    """Otherwise the words of a Hebrew or Arabic line come in the wrong order."""
    words = [("\u05e2\u05e5", 300.0), ("\u05d2\u05d1\u05d5\u05d4", 200.0), ("12", 150.0)]
    pieces = [
        Line(text=text, page=1, left=left, right=left + 40, base=700, size=10)
        for text, left in words
    ]
    assert row(pieces).text == " ".join(text for text, _ in words)
