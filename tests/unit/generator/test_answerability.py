"""Whether the passages hold an answer is told by signs that can each be looked at."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator import answerability
from services.generator.answerability import (
    Calibration,
    EvidenceWeights,
    Signs,
    asked_for,
    calibration,
    evidence,
    focus,
    overlap,
    probability,
    signs,
    spread,
    windows,
)

SHARES = st.floats(0, 1)
SIGNS = st.builds(
    Signs,
    answer=SHARES,
    strongest=SHARES,
    nearest=SHARES,
    overlap=SHARES,
    asked_for=st.sampled_from((-1.0, 0.0, 1.0)),
)
SENTENCES = st.lists(st.text("ab .", min_size=1, max_size=40), min_size=1, max_size=20)


@given(SIGNS)
def test_a_probability_is_one(found: Signs) -> None:
    """A threshold could not be compared with it."""
    assert 0.0 <= probability(found) <= 1.0


@given(SIGNS, SHARES)
def test_a_better_grade_never_lowers_it(found: Signs, other: float) -> None:
    """A fit could have turned the grader upside down, unseen."""
    low, high = sorted((found.answer, other))
    seen = {field: getattr(found, field) for field in Signs.__slots__}
    assert probability(Signs(**{**seen, "answer": low})) <= probability(
        Signs(**{**seen, "answer": high})
    )


def test_the_calibration_knows_every_sign() -> None:
    """A sign without a weight, or a weight without its sign, would count for nothing."""
    any_signs = Signs(answer=0, strongest=0, nearest=0, overlap=0, asked_for=0)
    assert set(calibration().weights) == set(answerability.values(any_signs))
    assert 0 < calibration().threshold < 1


def test_weights_add_up_as_log_odds() -> None:
    """The published weights would not explain the figure."""
    fitted = Calibration(
        weights={"answer": 2.0, "overlap": 1.0},
        bias=-1.0,
        threshold=0.5,
        evidence=EvidenceWeights(support=1.0, near=0.0, bias=0.0),
    )
    found = Signs(answer=0.5, strongest=0, nearest=0, overlap=1.0, asked_for=0)
    assert probability(found, fitted) == pytest.approx(0.5)


@st.composite
def read_in_windows(draw: st.DrawFn) -> tuple[list[str], list[float], int, list[list[int]]]:
    """Sentences, their similarities, the words of a window, and the windows."""
    texts = draw(SENTENCES)
    near = draw(st.lists(SHARES, min_size=len(texts), max_size=len(texts)))
    words = draw(st.integers(0, 60))
    return texts, near, words, windows(texts, near, words)


@given(read_in_windows())
def test_each_sentence_is_read_once_and_in_order(
    case: tuple[list[str], list[float], int, list[list[int]]],
) -> None:
    """An answer would be overlooked, or read twice, or jumbled."""
    texts, _, _, found = case
    assert sorted(index for window in found for index in window) == list(range(len(texts)))
    assert all(window == sorted(window) for window in found)


@given(read_in_windows())
def test_a_window_fits_what_the_grader_reads(
    case: tuple[list[str], list[float], int, list[list[int]]],
) -> None:
    """The grader would cut what it should read, or run more often than it must."""
    texts, _, words, found = case
    counts = [sum(len(texts[index].split()) for index in window) for window in found]
    for window, count in zip(found, counts, strict=True):
        assert window
        assert count <= words or sum(bool(texts[index].split()) for index in window) == 1
    if sum(counts) <= words:
        assert len(found) == 1


@given(read_in_windows())
def test_the_nearest_are_read_together(
    case: tuple[list[str], list[float], int, list[list[int]]],
) -> None:
    """A claim, for which one window is read, would be held against sentences far from it."""
    texts, near, words, (first, *later) = case
    assert max(near) == max(near[index] for index in first)
    for index in (index for window in later for index in window):
        nearer = [one for one in first if near[one] >= near[index]]
        assert sum(len(texts[one].split()) for one in [*nearer, index]) > words


def test_support_finds_its_sentence() -> None:
    """A sentence would be quoted for what another one says."""
    found = spread([[0, 3], [1]], [[0.9, math.nan], [0.4]], 4)
    assert found == pytest.approx([0.9, 0.4, math.nan, math.nan], nan_ok=True)


def test_focus_is_what_the_question_is_about() -> None:
    """Words that stand everywhere would look like an answer."""
    question = "What are the datasets used in the pipeline (e.g., MNIST, CIFAR)?"
    assert focus(question) == {"datas", "pipel"}
    assert overlap(question, "A dataset of leaves.") == 0.5
    assert overlap("What is it?", "anything") == 1.0


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("What is the link to the code?", "Code: https://example.org/x", 1.0),
        ("What is the code repository link (e.g., GitHub)?", "We used GitHub.", -1.0),
        ("how many species were found", "Some 340 species.", 1.0),
        ("how many species were found", "Several species.", -1.0),
        ("when did it close", "It closed in 1987.", 1.0),
        ("who wrote it", "it was written long ago", -1.0),
        ("Which optimizer was used?", "Adam.", 0.0),
    ],
)
def test_what_is_asked_for_is_looked_for(question: str, text: str, expected: float) -> None:
    """A question for an address would be answered from a text without one."""
    assert asked_for(question, [text]) == expected


def test_a_link_to_code_is_none_to_data() -> None:
    """Whoever asks for the data would be sent to the code."""
    sentences = ["The data were counted by hand.", "Code is available at github.com/a/b."]
    assert asked_for("What is the data repository link (e.g., Zenodo)?", sentences) == -1.0
    assert asked_for("What is the code repository link?", sentences) == 1.0
    described = ["A description of the lakes is at https://lakes.example."]
    assert asked_for("What is the code repository link?", described) == -1.0


def test_signs_of_a_text() -> None:
    """A sign would be looked for in another place than it was fitted on."""
    found = signs("who sang", ["Ann sang.", "It rained."], [0.5, 0.5], 0.9, [0.7, math.nan])
    assert found == Signs(
        answer=0.9,
        strongest=0.7,
        nearest=0.5,
        overlap=1.0,
        asked_for=-1.0,
    )


@given(SHARES, SHARES, SHARES)
def test_evidence_grows_with_support_and_likeness(
    support: float, near: float, other: float
) -> None:
    """A sentence would be shown as evidence because it says less."""
    low, high = sorted((near, other))
    assert 0.0 <= evidence(support, low) <= evidence(support, high) <= 1.0
    low, high = sorted((support, other))
    assert evidence(low, near) <= evidence(high, near)
    assert evidence(math.nan, near) <= evidence(low, near)
