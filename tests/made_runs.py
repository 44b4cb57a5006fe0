"""Runs as a batch leaves them, made without one."""

from collections.abc import Callable

from services.cli.question_sets import Question
from services.cli.runs import Answered, Asking, Begun, Cell, DocumentName, Planned, Run
from shared.bulk import Position
from shared.messages import Answer

START = Position("0-0", 1_000)


def new_run(
    questions: int = 2, documents: int = 2, *, name: str = "run-1", asking: Asking | None = None
) -> Run:
    """A run with nothing answered; without documents it asks the collection."""
    asking = asking or Asking(collection="papers", per_document=documents > 0)
    asked = tuple(Question(id=f"Q{n}", text=f"Question {n}?") for n in range(1, questions + 1))
    papers = tuple(DocumentName(id=f"d{n}", title=f"Paper {n}") for n in range(1, documents + 1))
    begun = Begun(run=name, asking=asking, position=START)
    return Run(begun, Planned(questions=asked, documents=papers), START)


def answer_all(run: Run, made: Callable[[int, Cell], Answer | None]) -> Run:
    """Give each cell the Answer that `made` makes of its number and itself, if it makes one."""
    for number, cell in enumerate(run.cells()):
        if (answer := made(number, cell)) is not None:
            run.add(Answered(key=cell.key, round=0, entry_id=f"{2000 + number}-0", answer=answer))
    return run
