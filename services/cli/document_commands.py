"""`ragstream documents list|show|remove`: what can be asked about, and how it is taken out."""

import asyncio
from contextlib import aclosing
from dataclasses import asdict

import click

from services.cli import exits, reach, render
from services.cli.session import (
    Session,
    check_name,
    data_dir_option,
    json_option,
    pass_session,
)
from shared.documents import REMOVED, DocumentState, each_document, look_up, remove


@click.group
def documents() -> None:
    """List, show or remove the documents that were ingested.

    \b
    Examples:
      ragstream documents list
      ragstream documents show paper-1f3a9c02
      ragstream documents remove paper-1f3a9c02

    Exit status: 0, 27 no such document, 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@documents.command("list", short_help="Show all documents.")
@click.option(
    "--collection",
    metavar="NAME",
    callback=lambda *a: a[2] and check_name(*a),
    help="Those of this collection alone.",
)
@json_option
@data_dir_option
@pass_session
def list_(session: Session, *, collection: str | None) -> None:
    """Show all documents, by collection and id. Looks through all keys of Redis once.

    Prints a line for each: its state, collection, id, passages and pages, and title.

    \b
    Examples:
      ragstream documents list --collection biology
      ragstream documents list --json | jq -r '.documents[] | select(.state=="failed") | .id'

    Exit status: 0, whether or not there are any; 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    found = asyncio.run(_list(session, collection))
    if session.json:
        session.show({"documents": [asdict(one) for one in found]})
        return
    for one in found:
        render.say(_line(one))


async def _list(session: Session, collection: str | None) -> list[DocumentState]:
    async with (
        reach.opened(session) as (redis, names),
        aclosing(each_document(redis, names, collection)) as documents,  # type: ignore[type-var]  # a generator, as its type cannot say
    ):
        found = [one async for one in documents]
    return sorted(found, key=lambda one: (one.collection, one.id))


def _line(one: DocumentState) -> str:
    pages = f", {one.pages} pages" if one.pages else ""
    said = one.error_code or f"{one.chunks} chunks{pages}"
    named = render.one_line(one.title or one.name)
    return f"{one.state:8}  {one.collection:12}  {one.id}  ({said})  {named}"


@documents.command(short_help="Show what is known of one document.")
@click.argument("document_id")
@json_option
@data_dir_option
@pass_session
def show(session: Session, *, document_id: str) -> None:
    """Show what is known of one document.

    \b
    Examples:
      ragstream documents show paper-1f3a9c02
      ragstream documents show --json paper-1f3a9c02 | jq .chunks

    Exit status: 0, 27 no such document, 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    found = asyncio.run(_show(session, document_id))
    if found.state in ("unknown", REMOVED):
        _fail_unknown(session, document_id)
    if session.json:
        session.show(asdict(found))
        return
    for name, value in asdict(found).items():
        render.say(f"{name:10}  {render.one_line(str(value or ''))}")


async def _show(session: Session, document_id: str) -> DocumentState:
    async with reach.opened(session) as (redis, names):
        return await look_up(redis, names, document_id)


@documents.command("remove", short_help="Take documents out.")
@click.argument("document_ids", nargs=-1, required=True)
@json_option
@data_dir_option
@pass_session
def remove_(session: Session, *, document_ids: tuple[str, ...]) -> None:
    """Take documents out: from then on no search finds them. Their files stay where they are.

    \b
    Examples:
      ragstream documents remove paper-1f3a9c02
      ragstream documents list --json --collection old | jq -r '.documents[].id' \\
        | xargs ragstream documents remove

    \b
    Exit status: 0 all are gone, 27 there was no such document as one of them (the others are
    gone); 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    before = asyncio.run(_remove(session, document_ids))
    gone = [one.id for one in before if one.state not in ("unknown", REMOVED)]
    unknown = [one.id for one in before if one.id not in gone]
    if session.json:
        session.show({"removed": gone, "unknown": unknown})
    else:
        for one in before:
            said = f"removed   {one.id}" if one.id in gone else f"unknown   {one.id}"
            render.say(said)
    raise click.exceptions.Exit(exits.UNKNOWN if unknown else exits.OK)


async def _remove(session: Session, document_ids: tuple[str, ...]) -> list[DocumentState]:
    async with reach.opened(session) as (redis, names):
        return [await remove(redis, names, one) for one in dict.fromkeys(document_ids)]


def _fail_unknown(session: Session, document_id: str) -> None:
    session.fail("unknown_document", f"there is no document {document_id}", exits.UNKNOWN)
