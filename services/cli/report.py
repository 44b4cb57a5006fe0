"""`ragstream report`: a run as one HTML page that loads nothing and lets nothing else run."""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from services.cli import journal, render
from services.cli.runs import Cell, Run
from services.cli.session import Session, json_option, pass_session
from shared.messages import Answer, Evidence

_HOLE: Final = re.compile(r"\[\[(\w+)\]\]")
_MOST_EVIDENCE: Final = 8  # sentences of one answer
# Between <script> and </script> a browser looks for the end before it looks at JSON.
_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


@click.command
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where the page goes.",
)
@json_option
@pass_session
def report(session: Session, *, run: Path, out: Path) -> None:
    """Write a run as one HTML page: a matrix of questions by documents, coloured by status.

    RUN is the --out of `batch`; the run may still be under way. The page filters by status,
    question and words, opens each answer with its evidence and timings, and works offline: it
    is one file that loads nothing.

    \b
    Examples:
      ragstream report answers.csv --out report.html
      ragstream batch questions.txt --collection papers --per-document --out answers.csv \\
        --report report.html

    Exit status: 0, 11 there is no such run or the page cannot be written.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    write_report(journal.load(run), out)
    if session.json:
        session.show({"report": str(out)})
    else:
        render.say(f"report   {render.one_line(str(out))}")


def write_report(run: Run, out: Path) -> None:
    """Write the page in one step.

    Raises:
        RunError: it cannot be written.
    """
    journal.replace(out, [page(run).encode()])


def page(run: Run) -> str:
    """The page of a run: style, script and data are in it."""
    style, script = (_part(f"report.{kind}") for kind in ("css", "js"))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    filled = {"policy": policy, "style": style, "script": script, "data": _as_json(_data(run))}
    return _HOLE.sub(lambda hole: filled[hole[1]], _part("report.html"))


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _digest(text: str) -> str:
    """What the page's policy knows a script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _as_json(data: Mapping[str, Any]) -> str:
    """JSON that is safe inside a script element."""
    text = msgspec.json.encode(data).decode()
    return re.sub("[<>&]", lambda found: _ESCAPED[found[0]], text)


def _data(run: Run) -> dict[str, Any]:
    cells = []
    width = len(run.planned.questions)
    for number, cell in enumerate(run.cells()):
        if (answer := run.answers.get(cell.key)) is not None:
            cells.append({"q": number % width, "d": number // width, **_shown(cell, answer)})
    return {
        "run": run.id,
        "asking": run.begun.asking,
        "questions": run.planned.questions,
        "documents": run.planned.documents,
        "cells": cells,
    }


def _shown(cell: Cell, answer: Answer) -> dict[str, Any]:
    """What the page says of an answer; names of documents only where they are not the row's."""
    of_row = cell.document.id if cell.document else None
    best = sorted(answer.evidence, key=lambda one: -one.score)[:_MOST_EVIDENCE]
    return {
        "status": answer.status,
        "text": answer.text,
        "support": answer.support,
        "extracted": answer.extracted,
        "citations": [
            {
                "marker": one.marker,
                "page": one.page,
                "section": one.section,
                "quote": one.quote,
                **({} if one.document_id == of_row else {"title": one.title or one.document_id}),
            }
            for one in answer.citations
        ],
        "evidence": [_sentence(one, of_row) for one in best],
        "timings": answer.timings_ms,
        "error": answer.error,
        "query_id": answer.query_id,
    }


def _sentence(one: Evidence, of_row: str | None) -> dict[str, Any]:
    named = {} if one.document_id == of_row else {"title": one.document_id}
    return {"sentence": one.sentence, "page": one.page, "score": one.score, **named}
