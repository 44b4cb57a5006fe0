"""`ragstream ingest`: files and folders become documents that can be asked about."""

import asyncio
import sys
import time
from contextlib import aclosing
from typing import Any, Literal, TextIO, cast

import click
import msgspec

from services.cli import documents, exits, places, remote, render
from services.cli.documents import Source
from services.cli.places import PLACE, Place
from services.cli.remote import FetchSettings, RemoteSource
from services.cli.session import (
    Client,
    Session,
    collection_option,
    data_dir_option,
    json_option,
    pass_session,
)
from services.ingestor.settings import IngestorSettings
from shared.documents import DocumentState
from shared.errors import Overloaded, Permanent
from shared.settings import load


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How it went with one file. `sent`: nobody waited; `waiting`: not done in time.

    `missing` says what of an ingested one could not be read.
    """

    id: str
    path: str
    state: Literal["ingested", "failed", "sent", "waiting"]
    chunks: int = 0
    pages: int | None = None
    title: str = ""
    missing: str = ""
    error_code: str = ""
    error: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `timeout_s` holds for all files together."""

    sources: tuple[Source | RemoteSource, ...]
    collection: str
    wait: bool
    timeout_s: float
    limit_bytes: int


@click.command
@click.argument("named", nargs=-1, type=PLACE, metavar="PATH...")
@click.option(
    "--from",
    "listed",
    type=click.File(),
    metavar="FILE",
    help="Take paths and addresses from a file, a line each; - is stdin.",
)
@collection_option
@click.option("--wait/--no-wait", default=True, help="Wait until they can be asked about.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=600.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for all of them.",
)
@json_option
@data_dir_option
@pass_session
def ingest(
    session: Session,
    *,
    named: tuple[Place, ...],
    listed: TextIO | None,
    collection: str,
    wait: bool,
    timeout_s: float,
) -> None:
    """Read documents: PDF, DOCX, EPUB, HTML, Markdown, LaTeX, JATS and TEI XML, plain text.

    Folders are walked for files of these types; hidden ones and links that lead out of the
    folder are left out. A file that is named itself is sent whatever its type. The same file
    gets the same id each time, and replaces what was read of it before; the same bytes are
    not read again, so after a crash the same command goes on where it was.

    PATH is a file, a folder, a pattern such as "papers/**/*.pdf", or an address: https://,
    s3:// or gs://, each off unless RAGSTREAM_FETCH_SCHEMES allows it.

    Prints a line for each: whether it was read, the id by which `ask --document` finds it, its
    path, and its passages and pages or what is wrong with it.

    \b
    Examples:
      ragstream ingest paper.pdf
      ragstream ingest papers/ --collection biology
      RAGSTREAM_FETCH_SCHEMES=https ragstream ingest --from addresses.txt
      ragstream ingest --json papers/ | jq -r '.documents[] | select(.state=="failed") | .path'

    \b
    Exit status: 0 all are read, 22 some are not yet, 23 some failed: each is printed with
    the code of its error. 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    limit_bytes = load(IngestorSettings, session.environ).max_document_bytes
    chosen = (*named, *(places.lines(listed) if listed else ()))
    if not chosen:
        raise click.UsageError("Missing argument 'PATH...': name what to read, or --from a file")
    fetch = load(FetchSettings, session.environ)
    sources = tuple(places.find(chosen, collection, fetch, _tell))
    if not sources:
        raise click.UsageError(f"nothing to read there; types: {' '.join(documents.READABLE)}")
    order = Order(
        sources=sources,
        collection=collection,
        wait=wait,
        timeout_s=timeout_s,
        limit_bytes=limit_bytes,
    )
    results = asyncio.run(_ingest(session, order))
    _show(session, results, collection)
    raise click.exceptions.Exit(_exit_code(results))


def _tell(line: str) -> None:
    """Say what is left out; a file's name may hold line breaks."""
    render.tell(render.one_line(line))


async def _ingest(session: Session, order: Order) -> list[Result]:
    deadline = time.monotonic() + order.timeout_s
    async with session.client() as client:
        with _bar(order, "sending") as bar:
            results = {}
            for source in order.sources:
                results[source.document_id] = await _send(client, source, order, deadline)
                bar.update(1)
        waiting = [result.id for result in results.values() if result.state == "sent"]
        if order.wait and waiting:
            left_s = max(0.0, deadline - time.monotonic())
            await _wait(client, waiting, results, left_s)
    return list(results.values())


async def _send(
    client: Client, source: Source | RemoteSource, order: Order, deadline: float
) -> Result:
    """Hand in one document; whatever is wrong with it is its own result."""
    path = render.one_line(source.shown)
    try:
        data = await _read(source, order.limit_bytes)
        await _hand_in(client, data, source, order.collection, deadline)
    except Permanent as exc:
        return Result(
            id=source.document_id, path=path, state="failed", error_code=exc.code, error=str(exc)
        )
    return Result(id=source.document_id, path=path, state="sent")


async def _read(source: Source | RemoteSource, limit_bytes: int) -> bytes:
    if isinstance(source, Source):
        return documents.read(source, limit_bytes)
    return await asyncio.to_thread(remote.fetch, source, limit_bytes)


async def _hand_in(
    client: Client, data: bytes, source: Source | RemoteSource, collection: str, deadline: float
) -> None:
    """Hand in bytes, waiting as long as an overloaded stack asks for, until the deadline."""
    while True:
        try:
            await client.ingest(
                data, document_id=source.document_id, name=source.name, collection=collection
            )
        except Overloaded as exc:
            if time.monotonic() + exc.retry_after_s > deadline:
                raise
            await asyncio.sleep(exc.retry_after_s)
        else:
            return


async def _wait(
    client: Client, waiting: list[str], results: dict[str, Result], timeout_s: float
) -> None:
    """Fill in how it went with the files that were sent."""
    for document_id in waiting:
        results[document_id] = msgspec.structs.replace(results[document_id], state="waiting")
    states = client.wait_ingested(waiting, timeout_s=timeout_s)
    with click.progressbar(length=len(waiting), label="reading", file=sys.stderr) as bar:
        try:
            async with aclosing(cast("Any", states)):  # a generator, as the protocol cannot say
                async for state in states:
                    results[state.id] = _done(results[state.id], state)
                    bar.update(1)
        except TimeoutError:
            return  # those that are not done keep `waiting`


def _done(sent: Result, state: DocumentState) -> Result:
    return Result(
        id=sent.id,
        path=sent.path,
        state="ingested" if state.state == "ingested" else "failed",
        chunks=state.chunks,
        pages=state.pages,
        title=state.title,
        missing=state.missing,
        error_code=state.error_code,
        error=state.error,
    )


def _bar(order: Order, label: str) -> Any:
    return click.progressbar(length=len(order.sources), label=label, file=sys.stderr)


def _show(session: Session, results: list[Result], collection: str) -> None:
    if session.json:
        session.show({"collection": collection, "documents": results})
        return
    for result in results:
        render.say(f"{result.state:8}  {result.id}  {result.path}{_detail(result)}")


def _detail(result: Result) -> str:
    match result.state:
        case "ingested":
            pages = f", {result.pages} pages" if result.pages else ""
            missing = f"  incomplete: {render.one_line(result.missing)}" if result.missing else ""
            return f"  ({result.chunks} chunks{pages}){missing}"
        case "failed":
            return f"  {render.one_line(result.error)} [{result.error_code}]"
        case _:
            return ""


def _exit_code(results: list[Result]) -> int:
    states = {result.state for result in results}
    if "failed" in states:
        return exits.DOCUMENT_FAILED
    return exits.NO_ANSWER if "waiting" in states else exits.OK
