"""`ragstream index show|rebuild`: which model the index is of, and how it comes to another one."""

import asyncio

import click

from services.cli import render
from services.cli.session import Session, data_dir_option, json_option, pass_session
from shared.generations import SCHEMA


@click.group
def index() -> None:
    """See which model the index is of, and rebuild it by another one.

    \b
    Examples:
      ragstream index show
      ragstream index rebuild

    Exit status: 0 done, 6 no stack runs, 24 Redis is away; each command's own help has the rest.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@index.command(short_help="Show the index's model, schema and size.")
@json_option
@data_dir_option
@pass_session
def show(session: Session) -> None:
    """Show the index's model, schema and size, and those of one that is being made or removed.

    \b
    Examples:
      ragstream index show
      ragstream index show --json | jq -r '.generations[] | [.state, .model] | @tsv'

    Exit status: 0, whether or not there is one; 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from services.cli import index_life  # noqa: PLC0415 - other commands start without gRPC

    found = asyncio.run(index_life.show(session))
    if session.json:
        session.show({"schema": SCHEMA, "generations": found})
        return
    for one in found:
        for line in index_life.lines(one):
            render.say(line)
    if not found:
        render.say("no index yet: the first document makes it")


@index.command(short_help="Embed all documents by another model.")
@click.option("--abandon", is_flag=True, help="Give up a rebuild that was begun.")
@json_option
@data_dir_option
@pass_session
def rebuild(session: Session, *, abandon: bool) -> None:
    """Embed all documents anew, by the model that is to follow, while searches go on.

    That model is the one that Triton serves as `embedder_next`, or else as `embedder`. Documents
    may come, change and go meanwhile. At the end searches change over in one step, and the old
    index is removed. Begun again after a crash, it goes on where it was. Redis needs room for
    both indexes.

    \b
    Examples:
      ragstream models build --embedder-next ~/models/bge-small-onnx
      ragstream down && ragstream up --detach
      ragstream index rebuild
      ragstream index rebuild --abandon

    \b
    Exit status: 0 the index is of that model, 12 another rebuild is at work, 20 Triton does not
    serve the model of the one that was begun; 6 no stack runs, 24 Redis or Triton is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from services.cli import index_life  # noqa: PLC0415 - as above

    work = index_life.abandon if abandon else index_life.rebuild
    done = asyncio.run(work(session))
    if session.json:
        session.show(done)
    else:
        render.tell(f"{done.outcome}  {render.one_line(done.model)}".rstrip())
