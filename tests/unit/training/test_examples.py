"""What the grader learns from says what it should."""

import random
from typing import Any

from training.grader.spliced import spliced, spliced_rows
from training.grader.weak import weak_gold


def row(paper: str, cq: int, votes: float, sentences: list[str], weak: list[int]) -> dict[str, Any]:
    near = [0.1 * place for place in range(len(sentences))]
    return {
        "group": paper,
        "cq": cq,
        "question": f"Question {cq}?",
        "answerable": votes,
        "sentences": sentences,
        "near": near,
        "weak": weak,
    }


EVIDENCE = "Adam was the optimizer."
ROWS = [
    row("a", 101, 1.0, ["Birds sing.", EVIDENCE], [0, 1]),
    row("b", 101, 0.0, [f"Oak number {one} is old." for one in range(5)], [-1] * 5),
    row("a", 102, 0.0, ["Birds fly.", "Birds nest."], [-1, -1]),
    row("b", 102, 0.0, ["Oaks grow.", "Oaks fall."], [-1, -1]),
]


def test_evidence_is_what_shares_words_with_the_answer() -> None:
    """Sentences that only repeat the question would be taught as evidence."""
    sentences = [
        "The optimizer of the model is discussed.",
        "We trained with Adam, momentum and a cosine schedule.",
        "Forests cover the northern hills.",
    ]
    answer = "It used Adam with momentum and a cosine schedule."
    assert weak_gold("Which optimizer was used?", answer, sentences) == [0, 1, 0]
    assert weak_gold("Which optimizer was used?", "I cannot tell.", sentences) == [-1, -1, -1]


def test_a_spliced_text_answers_if_it_holds_the_evidence_for_its_question() -> None:
    """Evidence would be taught for another question, or its absence as an answer."""
    sources = map(random.Random, range(30))
    found = [one for source in sources for one in spliced(ROWS, 2, source)]
    assert {one.answer for one in found} == {0.0, 1.0}
    for one in found:
        holds = EVIDENCE in one.sentences
        asks_it = one.question == "Question 101?"
        assert one.answer == float(holds and asks_it)
        marked = zip(one.sentences, one.support or (), strict=True)
        assert [text for text, is_it in marked if is_it] == ([EVIDENCE] if one.answer else [])


def test_spliced_rows_come_in_pairs() -> None:
    """The threshold would be set on texts that differ in more than what they say."""
    without, with_it = spliced_rows(ROWS, random.Random(1))  # noqa: S311 - no secret
    assert with_it["sentences"] == [*without["sentences"], EVIDENCE]
    assert with_it["near"][-1] == ROWS[0]["near"][1]
    assert (without["answerable"], with_it["answerable"]) == (0.0, 1.0)
