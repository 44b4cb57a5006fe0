"""What counts as a sentence that a reader gave whole."""

import pytest

from benchmarks.truths import load
from benchmarks.wholeness import Share, measure, total

TRUTH = ["Oaks grow tall.", "Ash trees, too, are felled."]


@pytest.mark.parametrize(
    ("text", "whole", "ordered", "lettered"),
    [
        ("Oaks grow tall. Ash trees, too, are felled.", 2, 2, 2),
        ("OAKS grow\ntall; Ash trees too are \ufb01t. Ash trees too are felled", 2, 2, 2),
        ("Ash trees, too, are felled. Oaks grow tall.", 2, 1, 2),
        ("Oaks grow 12 tall. Ash trees, too, are fel- led.", 0, 0, 1),
        ("Oaks grow tall. Ash trees, too, are felled. Oaks grow tall.", 2, 2, 2),
        ("Boaks grow tall.", 0, 0, 1),
    ],
)
def test_sentences_are_counted(text: str, whole: int, ordered: int, lettered: int) -> None:
    """A comparison would count what no reader of the text could use."""
    wanted = Share(sentences=2, whole=whole, ordered=ordered, lettered=lettered)
    assert measure(TRUTH, text) == wanted


def test_totals_add_up() -> None:
    """The share over all papers would weigh them wrongly."""
    one = Share(sentences=2, whole=2, ordered=1, lettered=2)
    assert total([one, one]) == Share(sentences=4, whole=4, ordered=2, lettered=4)


def test_every_truth_has_sentences_and_some_are_held_out() -> None:
    """A file that is read wrongly would make every reader look good."""
    truths = load()
    assert all(len(truth.sentences) > 20 and truth.path.endswith(".pdf") for truth in truths)
    assert {truth.held_out for truth in truths} == {True, False}
