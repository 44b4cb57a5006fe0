"""`ragstream batch`: every question of a set to every document of a collection."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import get_args

import click
import msgspec
from redis.asyncio import Redis

from services.cli import batch_run, exits, journal, question_sets, reach, render, results, summary
from services.cli.progress import Progress
from services.cli.question_sets import Question
from services.cli.report import write_report
from services.cli.runs import Asking, DocumentName, Planned, Run
from services.cli.session import (
    Session,
    check_name,
    collection_option,
    data_dir_option,
    json_option,
    pass_session,
)
from shared.bulk import Bulk
from shared.documents import DocumentState, each_document, look_up
from shared.errors import RunError, UnknownDocument
from shared.messages import Profile
from shared.settings import CommonSettings, load
from shared.streams import Namespace

SUMMARY = ".summary.csv"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `documents`: these alone; all of the collection if empty."""

    questions: tuple[Question, ...]
    asking: Asking
    documents: tuple[str, ...]
    out: Path
    retry_failed: bool


_file = click.Path(dir_okay=False, path_type=Path)


@click.command
@click.argument("questions", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@collection_option
@click.option("--per-document", is_flag=True, help="Ask each document by itself, not all at once.")
@click.option(
    "--document",
    "documents",
    multiple=True,
    callback=check_name,
    metavar="ID",
    help="With --per-document: only this document; may be given again.",
)
@click.option(
    "--out", type=_file, required=True, help="Where answers go: .csv, .jsonl or .parquet."
)
@click.option("--report", type=_file, help="Write an HTML report as well.")
@click.option(
    "--profile",
    type=click.Choice(get_args(Profile)),
    default="cited",
    show_default=True,
    help="Which prompt the model gets.",
)
@click.option("--top-k", type=click.IntRange(1, 50), help="Passages for each question.")
@click.option("--max-tokens", type=click.IntRange(1, 4096), help="Longest answer, in tokens.")
@click.option(
    "--retry-failed", is_flag=True, help="Ask again what failed when it was asked before."
)
@json_option
@data_dir_option
@pass_session
def batch(  # noqa: PLR0913 - an option each
    session: Session,
    *,
    questions: Path,
    collection: str,
    per_document: bool,
    documents: tuple[str, ...],
    out: Path,
    report: Path | None,
    profile: Profile,
    top_k: int | None,
    max_tokens: int | None,
    retry_failed: bool,
) -> None:
    """Ask every question of a set: of a collection or, with --per-document, of each document.

    It needs a stack that runs, and documents that were ingested. Prints how many are left while it
    asks, then how many documents answered each question.

    QUESTIONS is a text file with a question a line, a .csv with a column `question` (and perhaps
    `id`), or a .jsonl of {"question": …, "id": …}. Questions go through the bulk lane, so that
    nobody who asks one of their own waits for them.

    Whatever ends this command, start it again with the same --out: it goes on, asks nothing
    twice, and reads the answers that came meanwhile. What it knows lies in OUT.run.jsonl; how
    many documents answered each question, in OUT.summary.csv.

    \b
    Examples:
      ragstream batch questions.txt --collection papers --per-document --out answers.csv
      ragstream batch questions.csv --collection papers --out answers.jsonl --report report.html
      ragstream batch questions.txt --collection papers --per-document --out stuff.parquet \\
        --profile stuff
      ragstream report answers.csv --out report.html    # a look, also while it runs
      ragstream compare answers.csv stuff.parquet

    \b
    Exit status: 0 all answered or abstained, 29 some failed (see --retry-failed), 11 the
    question set or a file of the run cannot be used, 20 no such document, 6 no stack runs,
    24 Redis is away, 130 Ctrl-C.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if documents and not per_document:
        raise click.UsageError("--document wants --per-document")
    order = Order(
        questions=question_sets.read(questions),
        asking=Asking(
            collection=collection,
            per_document=per_document,
            profile=profile,
            top_k=top_k,
            max_tokens=max_tokens,
        ),
        documents=documents,
        out=out,
        retry_failed=retry_failed,
    )
    encode = results.encoder(out)
    _refuse_foreign(out)
    run = _carried_out(session, order)
    journal.replace(out, encode(results.rows(run)))
    if report:
        write_report(run, report)
    _show(session, run, order, report)


def _refuse_foreign(out: Path) -> None:
    """Keep what is no run's from being written over."""
    if out.exists() and not journal.beside(out).exists():
        raise RunError(f"{out} is there and of no run: choose another --out, or take it away")


def _carried_out(session: Session, order: Order) -> Run:
    try:
        return asyncio.run(_batch(session, order))
    except KeyboardInterrupt:
        render.tell("\nwhat was asked is answered all the same: the same command reads it")
        raise


async def _batch(session: Session, order: Order) -> Run:
    async with reach.opened(session) as (redis, names):
        documents = await _documents(redis, names, order) if order.asking.per_document else ()
        with journal.opened(journal.beside(order.out)) as written:
            return await _go_on(session, order, redis, names, written, documents)


async def _go_on(
    session: Session,
    order: Order,
    redis: Redis,
    names: Namespace,
    written: journal.Journal,
    documents: tuple[DocumentName, ...],
) -> Run:
    new_id = f"run-{uuid.uuid4().hex[:12]}"
    here = await Bulk(redis, names, new_id).newest()
    planned = Planned(questions=order.questions, documents=documents)
    run = batch_run.begin(written, order.asking, planned, here, new_id)
    bulk = Bulk(redis, names, run.id)
    kept_s = load(CommonSettings, session.environ).answer_retention_s
    after = await batch_run.catch_up(
        run, written, bulk, kept_s=kept_s, retry_failed=order.retry_failed
    )
    with Progress(sum(1 for _ in run.cells()), len(run.pending())) as progress:
        told = batch_run.Told(progress.left, render.tell)
        await batch_run.carry_out(run, written, bulk, after, told)
    return run


async def _documents(redis: Redis, names: Namespace, order: Order) -> tuple[DocumentName, ...]:
    """The documents that are meant, in a steady order.

    Raises:
        UnknownDocument: one that was named is not in the collection.
        RunError: there is none in the collection.
    """
    collection = order.asking.collection
    if order.documents:
        found = [await look_up(redis, names, one) for one in dict.fromkeys(order.documents)]
    else:
        async with aclosing(each_document(redis, names, collection)) as each:  # type: ignore[type-var]  # a generator, as its type cannot say
            found = sorted([one async for one in each], key=lambda one: one.id)
    known = [one for one in found if one.collection == collection and one.chunks]
    if missing := [one.id for one in found if order.documents and one not in known]:
        raise UnknownDocument(f"no document {missing[0]} in collection {collection}")
    if not known:
        raise RunError(f"there is no document in collection {collection} to ask")
    return tuple(_named(one) for one in known)


def _named(one: DocumentState) -> DocumentName:
    return DocumentName(id=one.id, title=one.title or one.name)


def _show(session: Session, run: Run, order: Order, report: Path | None) -> None:
    """Print and keep how it went."""
    counts = summary.counts(run)
    kept = order.out.with_name(order.out.name + SUMMARY)
    journal.replace(kept, [summary.as_csv(counts)])
    if session.json:
        session.show({"run": run.id, "out": str(order.out), "questions": counts})
    else:
        why = [*summary.failures(run), ""] if any(one.failed for one in counts) else []
        for line in (*summary.lines(counts), "", *why, *_files(order.out, kept, report)):
            render.say(line)
    failed = any(one.failed for one in counts)
    raise click.exceptions.Exit(exits.SOME_FAILED if failed else exits.OK)


def _files(out: Path, kept: Path, report: Path | None) -> Sequence[str]:
    written = [f"answers  {out}", f"summary  {kept}", *([f"report   {report}"] if report else [])]
    return [render.one_line(line) for line in written]
