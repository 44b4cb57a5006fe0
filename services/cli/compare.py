"""`ragstream compare`: how far runs of one question set agree, and what most of them say."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import click
import msgspec

from services.cli import journal, render
from services.cli.kappa import agreement, kappa, vote
from services.cli.results import table
from services.cli.runs import Cell, Run
from services.cli.session import Session, json_option, pass_session
from shared.errors import RunError
from shared.messages import Answer

By = Literal["status", "answer"]
_LONGEST: Final = 60  # characters of a question in a terminal
_MARKER: Final = re.compile(r"\[\d+\]")
_NO_WORD: Final = re.compile(r"[\W_]+")
_VERDICT: Final = re.compile(r"(yes|no)\b")


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """How far two runs agree on one question, or on all where `question_id` is None.

    Attributes:
        places: documents for which both have an Answer.
        agreement: share of them with the same label; None without any.
        kappa: Cohen's; None where it is not defined.
    """

    first: str
    second: str
    question_id: str | None
    question: str
    places: int
    agreement: float | None
    kappa: float | None


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """The labels that all runs give to one question and document, and that of most, if any."""

    question_id: str
    question: str
    document_id: str
    labels: tuple[str, ...]
    majority: str | None


@click.command
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--by",
    type=click.Choice(["status", "answer"]),
    default="status",
    show_default=True,
    help="What has to be the same: the status, or the answer's words.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each cell's labels, as csv.",
)
@json_option
@pass_session
def compare(session: Session, *, runs: tuple[Path, ...], by: By, out: Path | None) -> None:
    """Compare runs of `batch`: agreement, Cohen's kappa per question, and a vote.

    RUN is the --out of a batch. Compared are the questions, by their words, and documents that
    all runs have an answer for. `--by answer` takes small things away before it compares words:
    case, punctuation, citation marks; what begins with yes or no counts as that. An odd number
    of runs votes: the label of more than half of them wins.

    \b
    Examples:
      ragstream compare cited.csv stuff.csv
      ragstream compare a.jsonl b.jsonl c.jsonl --by answer --out votes.csv
      ragstream compare --json a.csv b.csv | jq '.agreements[] | select((.kappa // 1) < 0.6)'

    Exit status: 0, 11 a run is not there, or they share no question and document.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if len(runs) < 2:  # noqa: PLR2004 - one alone agrees with itself
        raise click.UsageError("name two runs or more")
    names, loaded = [str(path) for path in runs], [journal.load(path) for path in runs]
    cells, labels = labelled(loaded, LABELS[by])
    if not cells:
        raise RunError("these runs share no question and document that all have an answer for")
    pairs = list(agreements(names, cells, labels))
    votes = voted(cells, labels) if len(runs) % 2 else []
    if out:
        journal.replace(out, [_table(names, cells, labels)])
    if session.json:
        session.show({"by": by, "agreements": pairs, "votes": votes})
        return
    for line in (*_lines(pairs), *_vote_lines(votes)):
        render.say(line)


def of_status(answer: Answer) -> str:
    """The status as a label."""
    return answer.status


def of_words(answer: Answer) -> str:
    """The answer's words as a label; yes or no where it begins so; the status if it is none."""
    if answer.status != "answered":
        return f"({answer.status})"
    text = _NO_WORD.sub(" ", _MARKER.sub(" ", answer.text)).strip().casefold()
    verdict = _VERDICT.match(text)
    return verdict[1] if verdict else text


LABELS: Final[Mapping[By, Callable[[Answer], str]]] = {"status": of_status, "answer": of_words}


def labelled(
    runs: Sequence[Run], label: Callable[[Answer], str]
) -> tuple[list[Cell], list[list[str]]]:
    """The cells that every run has an Answer for, in the first one's order.

    Returns:
        The cells, and for each run its labels of them.
    """
    cells = [cell for cell in runs[0].cells() if all(cell.key in run.answers for run in runs)]
    return cells, [[label(run.answers[cell.key]) for cell in cells] for run in runs]


def agreements(
    names: Sequence[str], cells: Sequence[Cell], labels: Sequence[Sequence[str]]
) -> Iterator[Agreed]:
    """Each pair of runs: question by question, then all together."""
    questions = dict.fromkeys(cell.question for cell in cells)
    for first, second in itertools.combinations(range(len(names)), 2):
        for question in (*questions, None):
            at = [n for n, cell in enumerate(cells) if question in (cell.question, None)]
            ours, theirs = ([labels[run][n] for n in at] for run in (first, second))
            yield Agreed(
                first=names[first],
                second=names[second],
                question_id=question.id if question else None,
                question=question.text if question else "all questions",
                places=len(at),
                agreement=agreement(ours, theirs),
                kappa=kappa(ours, theirs),
            )


def voted(cells: Sequence[Cell], labels: Sequence[Sequence[str]]) -> list[Vote]:
    """What each cell's majority is, of an odd number of runs."""
    return [
        Vote(
            question_id=cell.question.id,
            question=cell.question.text,
            document_id=cell.document.id if cell.document else "",
            labels=given,
            majority=vote(given),
        )
        for cell, given in zip(cells, zip(*labels, strict=True), strict=True)
    ]


def _lines(pairs: Sequence[Agreed]) -> Iterator[str]:
    for (first, second), group in itertools.groupby(pairs, lambda one: (one.first, one.second)):
        yield render.one_line(f"{first} and {second}")
        yield "agreement      kappa  places  question"
        for one in group:
            named = render.one_line(f"{one.question_id or ''}  {one.question}")[:_LONGEST]
            yield f"{_number(one.agreement)}  {_number(one.kappa)}  {one.places:6}  {named}"
        yield ""


def _number(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.3f}':>9}"


def _vote_lines(votes: Sequence[Vote]) -> Iterator[str]:
    if votes:
        none = sum(one.majority is None for one in votes)
        whole = sum(len(set(one.labels)) == 1 for one in votes)
        yield f"vote of {len(votes[0].labels)}: {whole} of {len(votes)} cells agree as one"
        yield f"{len(votes) - none} have a majority, {none} have none (--out or --json shows each)"


def _table(names: Sequence[str], cells: Sequence[Cell], labels: Sequence[Sequence[str]]) -> bytes:
    """A line for each cell: its labels, and with an odd number of runs the majority's."""
    odd = len(names) % 2 == 1
    head = ["question_id", "question", "document_id", *names, *(["majority"] if odd else [])]
    votes = voted(cells, labels)
    return table(
        head,
        (
            (
                v.question_id,
                v.question,
                v.document_id,
                *v.labels,
                *([v.majority or ""] if odd else []),
            )
            for v in votes
        ),
    )
