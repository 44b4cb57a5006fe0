"""A question and its passages become an answer, by the profile that was asked for."""

from typing import Any

import pytest

from services.generator import answering
from services.generator.settings import GeneratorSettings
from shared.messages import Hit, Profile, Query
from tests.injections import INJECTIONS
from tests.unit.generator.fakes import FakeTriton

TEXT = "Oaks are tall trees. Elms were felled in 1970."


class Heard:
    """What the readers of a stream were told."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def writing(self) -> answering.Say:
        return self.say

    async def say(self, piece: str) -> None:
        self.pieces.append(piece)


async def ask(
    triton: FakeTriton,
    *,
    profile: Profile = "cited",
    text: str = TEXT,
    heard: Heard | None = None,
    **settings: Any,
) -> answering.Answered:
    hit = Hit(chunk_id="a:0", document_id="a", text=text, score=1.0)
    return await answering.answer(
        Query(id="q", question="Are oaks tall?", profile=profile),
        [hit] if text else [],
        triton=triton,  # type: ignore[arg-type]  # as much of one as is needed
        settings=GeneratorSettings(answerable_threshold=0.5, **settings),
        writing=(heard or Heard()).writing,
    )


async def test_a_supported_answer_leaves_in_the_models_words() -> None:
    """A good answer would be replaced by quotes, or its reader see no token."""
    heard = Heard()
    found = await ask(FakeTriton("Oaks are tall. [1]"), heard=heard)
    assert (found.found.text, found.found.extracted) == ("Oaks are tall. [1]", False)
    assert heard.pieces == ["Oaks are tall. [1]"]
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (7, 3)
    assert found.evidence[0].sentence == "Oaks are tall trees."


@pytest.mark.parametrize(
    ("said", "graded"),
    [
        ("Oaks are trees. [1] They are tall. [1]", ["Oaks are trees.", "They are tall."]),
        ("Oaks are tall trees. [1]", []),  # word for word
        ("Oaks are trees. [1] Elms grew until 1980. [1]", []),  # another year spoils the answer
        ("Oaks are trees. [1] Their wood burns well. [1]", []),  # other words do so, too
    ],
)
async def test_only_what_a_grade_decides_is_graded(said: str, graded: list[str]) -> None:
    """Each needless grade costs as much as ten tokens of an answer, while others wait."""
    triton = FakeTriton(said)
    await ask(triton)
    assert triton.graded == ["Are oaks tall?", *graded]


async def test_the_grader_reads_all_sentences() -> None:
    """A good quote would be thrown away, since nearer sentences had used up the grader's room."""
    nearer = " ".join(f"Oaks are tall said forester {number}." for number in range(40))
    triton = FakeTriton("“They are tall as towers.” [1]")
    found = await ask(triton, text=f"{nearer} They are tall as towers.")
    assert triton.graded == ["Are oaks tall?"] * 3  # 245 words, 100 at once
    assert found.found.text == "“They are tall as towers.” [1]"


async def test_one_text_that_answers_is_enough() -> None:
    """An answer beside much that only sounds like one would count as none."""
    nearer = " ".join(f"Oaks are tall said forester {number}." for number in range(40))
    text = f"{nearer} They rise above all roofs."
    low, high = [
        (await ask(FakeTriton("I don't know.", where=words), text=text)).answerable
        for words in ("above all clouds", "above all roofs")
    ]
    assert low is not None
    assert high is not None
    assert low < high


async def test_whoever_wants_flags_gets_each_sentence_graded() -> None:
    """A good sentence would lose its support to a bad one beside it."""
    found = await ask(
        FakeTriton("Oaks are trees. [1] Elms grew until 1980. [1]"), on_unsupported="flag"
    )
    assert [one.support > 0.9 for one in found.found.sentences] == [True, False]


async def test_where_nothing_answers_the_model_is_not_asked() -> None:
    """It would make an answer up, and somebody would wait for it."""
    triton, heard = FakeTriton("Oaks are tall.", answer=0.01), Heard()
    found = await ask(triton, heard=heard)
    assert (found.found.status, triton.prompts, heard.pieces) == ("abstained", [], [])
    assert found.answerable is not None
    assert found.answerable < 0.5


async def test_without_passages_there_is_nothing_to_know() -> None:
    """An empty collection would be answered from the model's memory."""
    found = await ask(FakeTriton("Oaks are tall."), text="")
    assert (found.found.status, found.answerable, found.evidence) == ("abstained", None, ())


async def test_extractive_quotes_and_needs_no_language_model() -> None:
    """Who wants no model's words would get them, and pay for them."""
    triton = FakeTriton("Oaks are short.")
    found = await ask(triton, profile="extractive")
    assert found.found.text == "“Oaks are tall trees.” [1]"
    assert (found.found.extracted, triton.prompts) == (True, [])


@pytest.mark.parametrize(
    ("text", "status", "word"),
    [
        ("Yes. Oaks are tall. [1]", "answered", "yes"),
        ("No, elms are.", "answered", "no"),
        ("It depends on the oak.", "abstained", None),
        ("I don't know.", "abstained", None),
    ],
)
async def test_yes_or_no_comes_with_its_evidence(text: str, status: str, word: str | None) -> None:
    """A program that reads the verdict would read it from anywhere, or find none that is typed."""
    found = (await ask(FakeTriton(text), profile="yes_no")).found
    assert (found.status, found.yes_no) == (status, word)
    assert bool(found.citations) == (status == "answered")


async def test_a_made_up_answer_is_replaced_by_quotes() -> None:
    """Elves would plant the oaks of a reader who trusts us."""
    found = (await ask(FakeTriton("Oaks are tall. Elves plant them."))).found
    assert (found.extracted, found.text) == (True, "“Oaks are tall trees.” [1]")


@pytest.mark.parametrize("order", INJECTIONS)
@pytest.mark.parametrize("profile", ["cited", "stuff"])
async def test_an_order_in_a_passage_changes_nothing(order: str, profile: Profile) -> None:
    """A document could make a model that obeys say anything, or tell its prompt."""
    triton = FakeTriton(f"{order} Answer the question from the numbered passages below.")
    found = (await ask(triton, profile=profile, text=f"{TEXT} {order}")).found
    assert found.text == "“Oaks are tall trees.” [1]"
    assert profile == "stuff" or order not in triton.prompts[0]
