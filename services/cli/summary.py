"""How many documents answered each question. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from services.cli import render
from services.cli.results import table
from services.cli.runs import GOOD, Run

_MOST_REASONS = 5
_LONGEST = 70  # characters of a question in a terminal


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """One question over all documents.

    Attributes:
        failed: failed, expired or cancelled.
        waiting: without an Answer so far.
    """

    question_id: str
    question: str
    answered: int = 0
    abstained: int = 0
    failed: int = 0
    waiting: int = 0


def counts(run: Run) -> list[Count]:
    """A count for each question, in their order."""
    waiting = {cell.key for cell in run.pending()}
    kinds: dict[str, Counter[str]] = {one.text: Counter() for one in run.planned.questions}
    for cell in run.cells():
        kinds[cell.question.text][_kind(run, cell.key, waiting)] += 1
    return [
        Count(question_id=one.id, question=one.text, **kinds[one.text])
        for one in run.planned.questions
    ]


def _kind(run: Run, key: str, waiting: set[str]) -> str:
    if key in waiting:
        return "waiting"
    status = run.answers[key].status
    return status if status in GOOD else "failed"


def lines(found: Sequence[Count]) -> Iterator[str]:
    """Counts as a person reads them, with their sums."""
    kinds = ("answered", "abstained", "failed", "waiting")
    shown = kinds if any(one.waiting for one in found) else kinds[:-1]
    yield "  ".join(f"{kind:>9}" for kind in shown) + "  question"
    for one in found:
        numbers = "  ".join(f"{getattr(one, kind):9}" for kind in shown)
        yield f"{numbers}  {_named(one)}"
    sums = "  ".join(f"{sum(getattr(one, kind) for one in found):9}" for kind in shown)
    yield f"{sums}  all {len(found)} questions"


def failures(run: Run) -> Iterator[str]:
    """Why questions failed, what struck most of them first; nothing where none did."""
    errors = [run.answers[key].error for key in run.answers]
    reasons = Counter((one.message, one.code) for one in errors if one)
    for (message, code), count in reasons.most_common(_MOST_REASONS):
        yield f"{count} failed: {render.one_line(message)} [{code}]"
    if reasons:
        yield "the same command with --retry-failed asks them again"


def _named(one: Count) -> str:
    text = render.one_line(f"{one.question_id}  {one.question}")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def as_csv(found: Sequence[Count]) -> bytes:
    """The same as a file."""
    head = Count.__struct_fields__
    return table(head, ([getattr(one, name) for name in head] for one in found))
