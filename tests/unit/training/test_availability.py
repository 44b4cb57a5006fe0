"""Made-up statements teach where data and code lie, and not that one is the other."""

import random

from training.grader.availability import ASKS_FOR, availability, statement

ROWS = [
    {
        "cq": cq,
        "question": f"Question {cq}?",
        "answerable": 0,
        "sentences": ["Oaks grow slowly.", "It rained.", "We counted them.", "Nobody saw a lynx."],
        "near": [0.1, 0.0, 0.2, 0.1],
    }
    for cq in (8, 9, 10, 11)
]


def test_a_text_answers_if_it_names_what_is_asked_for() -> None:
    """A link to code would be taught as one to data, or no link as one."""
    found = list(availability(ROWS, 200, random.Random(1)))  # noqa: S311 - no secret
    assert len(found) == 200
    assert {one.answer for one in found} == {0.0, 1.0}
    for one in found:
        assert sum(one.support or ()) == one.answer
        assert len(one.support or ()) == len(one.sentences)


def test_questions_never_trained_on_stay_so() -> None:
    """The figure for unseen questions would be of seen ones."""
    assert 10 not in ASKS_FOR
    asked = {one.question for one in availability(ROWS, 200, random.Random(2))}  # noqa: S311 - no secret
    assert "Question 10?" not in asked


def test_statements_differ_and_are_sentences() -> None:
    """A single form would be learnt by heart, and no other one found."""
    source = random.Random(3)  # noqa: S311 - no secret
    for kind in ("data", "code"):
        made = {statement(kind, source) for _ in range(100)}
        assert len(made) > 90
        assert all(one.endswith(".") for one in made)
