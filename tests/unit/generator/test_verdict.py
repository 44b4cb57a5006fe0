"""What leaves as an answer: supported words, verbatim quotes, or an honest "I don't know"."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator import citations, evidence, verdict
from services.generator.evidence import Sentence, known
from shared.messages import Hit

HITS = [
    Hit(chunk_id="a:0", document_id="a", title="A", page=2, text="Oaks are tall trees.", score=1.0),
    Hit(chunk_id="b:3", document_id="b", text="We used 120 plots in 2019.", score=0.5),
]
PASSAGES = [Sentence("Oaks are tall trees.", 1, 2), Sentence("We used 120 plots in 2019.", 2)]
RULES = verdict.Rules(support_threshold=0.7, evidence_threshold=0.3)


def decide(
    text: str, near: Sequence[Sequence[float]], rules: verdict.Rules = RULES
) -> verdict.Verdict:
    answer = verdict.answer_sentences(text)
    relevance, support = np.array(near[0], np.float32), np.array(near[1:], np.float32)
    return verdict.decide(answer, PASSAGES, HITS, known(HITS), relevance, support, rules)


def test_a_supported_answer_leaves_with_its_citations() -> None:
    """A good answer would reach nobody, or nobody could look it up."""
    found = decide("Oaks are tall. [1]", [[0.5, 0.1], [0.9, 0.1]])
    assert (found.status, found.text, found.extracted) == ("answered", "Oaks are tall. [1]", False)
    assert found.support == pytest.approx(0.9)
    [citation] = found.citations
    assert (citation.document_id, citation.page, citation.quote) == ("a", 2, "Oaks are tall trees.")


def test_a_sentence_without_a_marker_gets_one() -> None:
    """Small models forget to cite; a reader would not know where to look."""
    assert decide("Oaks are tall.", [[0.5, 0.1], [0.9, 0.1]]).text == "Oaks are tall. [1]"


def test_a_marker_that_points_elsewhere_is_corrected() -> None:
    """A citation would send the reader to a passage that says something else."""
    assert decide("Oaks are tall. [2] [9]", [[0.5, 0.1], [0.9, 0.1]]).text == "Oaks are tall. [1]"


def test_a_quote_is_held_to_its_words_and_stays_a_quote() -> None:
    """A model that quotes would fall back to quotes, or its quote be no longer one."""
    found = decide(
        "“Oaks are tall trees.” [2] “In 2019 we used 120 plots.” [2]",
        [[0.5, 0.5], [1.0, 0.1], [0.1, 0.9]],
    )
    assert found.text == "“Oaks are tall trees.” [1] In 2019 we used 120 plots. [2]"
    assert not found.extracted


def test_a_true_sentence_about_something_else_is_no_answer() -> None:
    """A model that quotes the wrong sentence would be believed for quoting well."""
    beside = decide("“We used 120 plots in 2019.” [2]", [[0.6, 0.1], [0.1, 1.0]])
    assert (beside.extracted, beside.text) == (True, "“Oaks are tall trees.” [1]")
    more = decide("Oaks are tall. We used 120 plots.", [[0.6, 0.1], [0.9, 0.1], [0.1, 1.0]])
    assert not more.extracted


def test_what_is_said_twice_is_said_once() -> None:
    """A small model that cannot stop would fill the screen with one sentence."""
    assert verdict.answer_sentences("“Oaks are tall.” [1] “Oaks are tall.” [1] So it is.") == [
        "“Oaks are tall.” [1]",
        "So it is.",
    ]


def test_an_unsupported_sentence_does_not_leave() -> None:
    """An invention of the model would be read as a fact."""
    found = decide("Oaks are tall. Elves plant them.", [[0.6, 0.1], [0.9, 0.1], [0.2, 0.1]])
    assert found.extracted
    assert found.text == "“Oaks are tall trees.” [1]"
    assert [citation.quote for citation in found.citations] == ["Oaks are tall trees."]


@pytest.mark.parametrize("text", ["We used 130 plots.", "See https://example.org/x for 120 plots."])
def test_an_invented_number_or_address_is_never_supported(text: str) -> None:
    """A wrong number reads just like the right one, and so do their embeddings."""
    assert decide(text, [[0.1, 0.6], [0.1, 0.99]]).extracted


@pytest.mark.parametrize(
    "text", ["I don't know.", "I don\u2019t know", "I do not know the answer.", "  i DON'T know."]
)
def test_a_model_that_does_not_know_is_believed(text: str) -> None:
    """An honest "I don't know" would be dressed up as an answer."""
    assert decide(text, [[0.9, 0.9]]) == verdict.ABSTAINED


def test_without_anything_near_the_question_nothing_is_quoted() -> None:
    """The best of bad passages would be shown as the answer."""
    assert decide("Elves plant them.", [[0.2, 0.1], [0.2, 0.1]]) == verdict.ABSTAINED


def test_abstain_and_flag_do_what_they_say() -> None:
    """An operator's choice would be ignored."""
    near = [[0.9, 0.1], [0.2, 0.1]]
    rules = verdict.Rules("abstain", 0.7, 0.3)
    assert decide("Tall trees are oaks.", near, rules) == verdict.ABSTAINED
    flagged = decide("Tall trees are oaks.", near, verdict.Rules("flag", 0.7, 0.3))
    assert (flagged.status, flagged.text) == ("answered", "Tall trees are oaks.")
    assert flagged.citations == ()
    assert flagged.support == pytest.approx(0.2)


def test_likeness_alone_does_not_support_words_that_no_passage_holds() -> None:
    """A fluent invention about the right topic would be graded as supported."""
    found = decide("Oaks shelter rare woodland beetles.", [[0.6, 0.1], [0.95, 0.1]])
    assert found.extracted


@given(st.integers(0, 12), st.data())
def test_every_marker_of_an_answer_is_cited(sentences: int, data: st.DataObject) -> None:
    """A [3] in the text would lead nowhere."""
    row = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=2)
    near = data.draw(st.lists(row, min_size=1 + sentences, max_size=1 + sentences))
    text = " ".join(f"Sentence {'x' * number} is here." for number in range(sentences))
    found = decide(text, near)
    assert set(citations.markers(found.text)) <= {one.marker for one in found.citations}
    assert all(one.quote in HITS[one.marker - 1].text for one in found.citations)
    assert 0 <= found.support <= 1


def test_markers_are_read_in_their_forms() -> None:
    """[1, 2] or [1][2] would stay in the text as they are."""
    assert citations.markers("A [2][1], B [1, 3] and [x].") == [2, 1, 3]
    assert citations.without_markers("A is so [2][1].") == "A is so."


def test_evidence_leaves_out_what_says_nothing() -> None:
    """Headings and page furniture would be quoted as evidence."""
    hits = [Hit(chunk_id="a:0", document_id="a", text="2.1 Data. The plots were mown.", score=1.0)]
    assert [one.text for one in evidence.sentences(hits)] == ["The plots were mown."]


def test_evidence_is_ranked_by_score() -> None:
    """A reader would see the weakest sentence first."""
    found = evidence.as_evidence(PASSAGES, HITS, np.array([0.2, 0.8], np.float32))
    assert [(one.document_id, one.score) for one in found] == [("b", 0.8), ("a", 0.2)]


def test_each_sentence_has_the_page_on_which_it_begins() -> None:
    """A citation of a passage that runs over a page's end would name the page before."""
    text = (
        "The first page ends here. The second page begins. Then two pages of figures. "
        "All done, the end."
    )
    runs = ((text.index("The second"), 5), (text.index("All"), 3))
    hit = Hit(chunk_id="a:0", document_id="a", text=text, page=4, page_runs=runs, score=1.0)
    assert [one.page for one in evidence.sentences([hit])] == [4, 5, 5, 3]


def test_an_invented_name_is_never_supported() -> None:
    """A data set that the model made up would pass: its sentence sounds like the right one."""
    found = decide("The Oaks of Kew are tall.", [[0.6, 0.1], [0.99, 0.1]])
    assert found.extracted


def test_each_sentence_says_how_well_it_is_supported() -> None:
    """A reader could not tell the firm half of an answer from the other."""
    found = decide("Oaks are tall. We used 120 plots.", [[0.5, 0.1], [0.9, 0.1], [0.1, 0.8]])
    first, second = found.sentences
    assert (first.text, second.text) == ("Oaks are tall. [1]", "We used 120 plots. [2]")
    assert [first.support, second.support] == pytest.approx([0.9, 0.8])


def test_an_answer_ends_with_a_sentence_within_its_words() -> None:
    """A model that rambles would fill the screen, or be cut in the middle of a sentence."""
    rules = verdict.Rules(support_threshold=0.7, evidence_threshold=0.3, most_words=6)
    near = [[0.5, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]]
    found = decide("Oaks are tall. Oaks are trees. Oaks are tall trees.", near, rules)
    assert found.text == "Oaks are tall. [1] Oaks are trees. [1]"


@given(st.lists(st.text("ab ", min_size=1, max_size=20)), st.integers(1, 20))
def test_a_limit_in_words_holds_but_for_a_first_sentence(texts: list[str], most: int) -> None:
    """A limit would be passed by a sentence, or leave nothing."""
    kept = verdict.within(texts, most)
    assert kept == texts[: len(kept)]
    assert len(kept) <= 1 or sum(len(text.split()) for text in kept) <= most
    assert bool(kept) == bool(texts)


@pytest.mark.parametrize(
    ("text", "word", "rest"),
    [
        ("Yes, oaks are tall. [1]", "yes", "oaks are tall. [1]"),
        ("**No.** They fall.", "no", "They fall."),
        ("maybe", "maybe", ""),
        ("Nobody knows.", None, "Nobody knows."),
    ],
)
def test_a_verdict_is_read_from_the_first_word(text: str, word: str | None, rest: str) -> None:
    """A yes would be taken from the middle of a sentence, or a no be overlooked."""
    found, left = verdict.without_verdict(text)
    assert (found, left.lstrip("* ")) == (word, rest)
