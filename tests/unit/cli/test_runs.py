"""What a run's journal says, folded into what is known and what is still to do."""

from msgspec.structs import replace

from services.cli.question_sets import Question
from services.cli.runs import Again, Answered, Asking, Begun, Cell, DocumentName, Planned, Run
from shared.bulk import Position, is_behind
from shared.messages import Answer, Status
from tests.made_runs import START, new_run


def answered(run: Run, cell: Cell, status: Status = "answered", at: int = 5) -> Answered:
    line = run.answered(f"{at}-0", Answer(query_id=run.query(cell).id, status=status))
    assert line is not None
    return line


def test_a_run_is_what_its_lines_say() -> None:
    """After a crash the run would differ from the one that crashed."""
    run = new_run()
    first, *others = run.cells()
    line = answered(run, first, at=77)
    again = Run.of([run.begun, run.planned, line])
    assert again is not None
    assert (again.id, again.planned) == (run.id, run.planned)
    assert [cell.key for cell in again.pending()] == [cell.key for cell in others]
    assert again.position == Position("77-0", 77)


def test_lines_without_a_beginning_are_no_run() -> None:
    """A file of something else would be taken for an empty run and overwritten."""
    assert Run.of([]) is None
    assert Run.of([new_run().planned]) is None


def test_ids_depend_on_run_words_and_document_alone() -> None:
    """A new start would ask under new ids; two runs or two papers would share an answer."""
    run = new_run(documents=2)
    ids = [run.query(cell).id for cell in run.cells()]
    assert ids == [new_run().query(cell).id for cell in new_run().cells()]
    renumbered = replace(run.planned, questions=(Question(id="other", text="Question 2?"),))
    run.add(renumbered)
    assert [run.query(cell).id for cell in run.cells()] == ids[1::2]
    other = new_run(name="run-2")
    assert len({*ids, *(other.query(cell).id for cell in other.cells())}) == 8


def test_words_and_document_are_not_run_together() -> None:
    """Two cells would share an id because one's end is the other's beginning."""
    cells = [
        Cell(Question(id="1", text=text), DocumentName(id=name))
        for text, name in (("ab", "c"), ("a", "bc"))
    ]
    assert cells[0].key != cells[1].key


def test_a_query_is_asked_as_the_run_says() -> None:
    """A run that was told to ask two documents would look everywhere, or hold people up."""
    asking = Asking(collection="c", per_document=True, profile="stuff", top_k=3, max_tokens=9)
    run = new_run(1, 1, asking=asking)
    [cell] = run.cells()
    query = run.query(cell)
    assert (query.collection, query.document_ids, query.priority) == ("c", ("d1",), "bulk")
    assert (query.profile, query.top_k, query.max_tokens) == ("stuff", 3, 9)
    [whole] = new_run(1, 0).cells()
    assert new_run(1, 0).query(whole).document_ids == ()


def test_answers_to_others_are_left_alone() -> None:
    """Another run's answer would stand in this one's file."""
    run = new_run()
    for stranger in ("", "q", "run-1", "run-1.key", "run-1.key.x", "run-11.key.0", "run-2.key.0"):
        assert run.answered("5-0", Answer(query_id=stranger, status="answered")) is None


def test_a_later_answer_counts_unless_it_is_worse() -> None:
    """A redriven question would stay failed, or a good answer be lost to a late failure."""
    run = new_run(1, 1)
    [cell] = run.cells()
    seen: tuple[tuple[Status, Status], ...] = (
        ("failed", "failed"),
        ("expired", "expired"),
        ("abstained", "abstained"),
        ("failed", "abstained"),
        ("answered", "answered"),
    )
    for status, expected in seen:
        run.add(answered(run, cell, status))
        assert run.answers[cell.key].status == expected


def test_what_is_asked_again_waits_for_an_answer_of_that_round() -> None:
    """A failure from before would be taken for the new answer, or a good late one be ignored."""
    run = new_run(2, 1)
    first, second = run.cells()
    old = [answered(run, cell, "failed") for cell in (first, second)]
    for line in old:
        run.add(line)
    assert (run.pending(), run.failed()) == ([], [first, second])
    again = run.again(run.failed(), Position("9-0", 9))
    run.add(again)
    assert again == Again(round=1, keys=(first.key, second.key), position=Position("9-0", 9))
    assert run.pending() == [first, second]
    assert run.query(first).id.endswith(".1")
    run.add(old[0])
    assert run.pending() == [first, second]
    run.add(answered(run, first, "failed"))
    run.add(replace(old[1], answer=replace(old[1].answer, status="answered")))
    assert run.pending() == []
    assert run.again(run.failed(), START).round == 2


def test_a_plan_that_grew_keeps_its_answers() -> None:
    """One more paper in the collection would have all others asked again."""
    run = new_run(2, 1)
    for cell in list(run.cells()):
        run.add(answered(run, cell))
    grown = Planned(questions=run.planned.questions, documents=new_run(2, 2).planned.documents)
    run.add(grown)
    assert [cell.document and cell.document.id for cell in run.pending()] == ["d2", "d2"]


def test_who_was_away_too_long_may_have_missed_answers() -> None:
    """A run would wait for ever for what was trimmed, or ask all again after a short break."""
    here = Position("1000-0", 1_000)
    assert not is_behind(here, None, 10**9, kept_s=60)
    assert not is_behind(here, "1000-0", 10**9, kept_s=60)
    assert not is_behind(here, "999-5", 10**9, kept_s=60)
    assert not is_behind(here, "1000-1", 61_000, kept_s=60)
    assert is_behind(here, "1000-1", 61_001, kept_s=60)


def test_a_begun_run_says_how_it_asks() -> None:
    """A run could be gone on with another prompt, and hold answers of both."""
    assert Begun(run="r", asking=Asking(), position=START).asking.profile == "cited"
