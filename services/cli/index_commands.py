"""`ragstream index show|rebuild`: which model the index is of, and how it comes to another one."""

import asyncio
from collections.abc import Sequence
from typing import Literal

import click
import msgspec
from redis.asyncio import Redis

from services.cli import reach, render
from services.cli.progress import Progress
from services.cli.session import Session, data_dir_option, json_option, pass_session
from services.retriever import filling, life
from services.retriever import rebuild as rebuilding
from shared import generations
from shared.embedders import Embedders
from shared.errors import OtherEmbedder, Outage, OutdatedIndex
from shared.generations import SCHEMA, Generation
from shared.streams import Namespace


class GenerationView(msgspec.Struct, frozen=True, kw_only=True):
    """A generation of the index.

    Attributes:
        state: `searched`; `filling` while a rebuild is under way; `removing` after it.
        chunks: in its search index.
        waiting: documents that are still to be embedded, of one that is being filled.
        hindrance: why it cannot be searched, in words; "" if it can, or nobody could be asked.
    """

    number: int
    state: str
    model: str
    dim: int
    schema: int
    chunks: int
    waiting: int = 0
    hindrance: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild came to, and by which model."""

    outcome: Literal["rebuilt", "given up", "nothing to do"]
    model: str = ""


@click.group(short_help="See which model the index is of, and rebuild it.")
def index() -> None:
    """See which model the index is of, and rebuild it by another one.

    \b
    Examples:
      ragstream index show
      ragstream index rebuild
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
    found = asyncio.run(_show(session))
    if session.json:
        session.show({"schema": SCHEMA, "generations": found})
        return
    for one in found:
        for line in lines(one):
            render.say(line)
    if not found:
        render.say("no index yet: the first document makes it")


def lines(one: GenerationView) -> Sequence[str]:
    """A generation as a person reads it."""
    waiting = f", {one.waiting} documents wait" if one.state == "filling" else ""
    said = (
        f"{one.state:8}  {render.one_line(one.model) or '(unknown model)'}  ({one.chunks} chunks, "
        f"{one.dim} dimensions, schema {one.schema}, generation {one.number}{waiting})"
    )
    return [said, f"          {render.one_line(one.hindrance)}"] if one.hindrance else [said]


async def _show(session: Session) -> list[GenerationView]:
    async with reach.opened(session) as (redis, names), reach.embedders(session) as embedders:
        there = await life.present(redis, names)
        states = (("searched", there.active), ("filling", there.next), ("removing", there.old))
        return [await _view(redis, names, embedders, state, one) for state, one in states if one]


async def _view(
    redis: Redis, names: Namespace, embedders: Embedders, state: str, one: Generation
) -> GenerationView:
    chunks = 0
    if await life.exists(redis, names, one.number):
        chunks = int((await life.info(redis, names, one.number))[b"num_docs"])
    return GenerationView(
        number=one.number,
        state=state,
        model=one.model,
        dim=one.dim,
        schema=one.schema,
        chunks=chunks,
        waiting=await filling.waiting(redis, names) if state == "filling" else 0,
        hindrance=await _hindrance(embedders, one) if state != "removing" else "",
    )


async def _hindrance(embedders: Embedders, one: Generation) -> str:
    try:
        generations.check_schema(one)
        await embedders.check(one.model)
    except (OutdatedIndex, OtherEmbedder, Outage) as error:
        return str(error)
    return ""


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
      ragstream down; ragstream up --detach
      ragstream index rebuild
      ragstream index rebuild --abandon

    \b
    Exit status: 0 the index is of that model, 12 another rebuild is at work, 20 Triton does not
    serve the model of the one that was begun; 6 no stack runs, 24 Redis or Triton is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    done = asyncio.run(_abandon(session) if abandon else _rebuild(session))
    if session.json:
        session.show(done)
    else:
        render.tell(f"{done.outcome}  {render.one_line(done.model)}".rstrip())


async def _abandon(session: Session) -> Done:
    async with reach.opened(session) as (redis, names), rebuilding.held(redis, names):
        await rebuilding.remove_old(redis, names)
        if (following := await rebuilding.abandon(redis, names)) is None:
            return Done(outcome="nothing to do")
        await rebuilding.remove_old(redis, names)
        return Done(outcome="given up", model=following.model)


async def _rebuild(session: Session) -> Done:
    async with (
        reach.opened(session) as (redis, names),
        reach.embedders(session) as embedders,
        rebuilding.held(redis, names),
    ):
        await rebuilding.remove_old(redis, names)
        following = await rebuilding.begin(redis, names, embedders)
        if following is None:
            return Done(outcome="nothing to do")
        await _fill(redis, names, embedders, following)
        await rebuilding.remove_old(redis, names)
    return Done(outcome="rebuilt", model=following.model)


async def _fill(
    redis: Redis, names: Namespace, embedders: Embedders, following: Generation
) -> None:
    await rebuilding.prepare(redis, names, following)
    left = await filling.waiting(redis, names)
    total = left + await filling.done(redis, names)
    with Progress(total, left, f"embedding by {following.model}") as progress:
        told = filling.Told(waiting=progress.left, trouble=render.tell)
        await rebuilding.fill(redis, names, embedders, following, told)
