"""What `ragstream index` does: looks at the generations, rebuilds the index, gives that up."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
from redis.asyncio import Redis

from services.cli import connect, reach, render
from services.cli.progress import Progress
from services.cli.session import Session
from services.retriever import filling, life
from services.retriever import rebuild as rebuilding
from shared import generations
from shared.embedders import Embedders
from shared.errors import OtherEmbedder, Outage, OutdatedIndex, Transient
from shared.generations import Generation
from shared.streams import Namespace
from shared.triton import Triton


class GenerationView(msgspec.Struct, frozen=True, kw_only=True):
    """A generation of the index.

    Attributes:
        state: `searched`; `filling` while a rebuild is under way; `removing` after it.
        chunks: in its search index.
        waiting: documents that are still to be embedded, of one that is being filled.
        hindrance: why it cannot be searched, or nobody could say so, in words; "" if it can.
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


def lines(one: GenerationView) -> Sequence[str]:
    """A generation as a person reads it."""
    waiting = f", {one.waiting} documents wait" if one.state == "filling" else ""
    said = (
        f"{one.state:8}  {render.one_line(one.model) or '(unknown model)'}  ({one.chunks} chunks, "
        f"{one.dim} dimensions, schema {one.schema}, generation {one.number}{waiting})"
    )
    return [said, f"          {render.one_line(one.hindrance)}"] if one.hindrance else [said]


async def show(session: Session) -> list[GenerationView]:
    """Every generation, the one that is searched first."""
    async with reach.opened(session) as (redis, names), _embedders(session) as embedders:
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
    except (OutdatedIndex, OtherEmbedder, Outage, Transient) as error:
        return str(error)
    return ""


async def abandon(session: Session) -> Done:
    """Give up the rebuild that was begun."""
    async with reach.opened(session) as (redis, names), rebuilding.held(redis, names):
        await rebuilding.remove_old(redis, names)
        if (following := await rebuilding.abandon(redis, names)) is None:
            return Done(outcome="nothing to do")
        await rebuilding.remove_old(redis, names)
        return Done(outcome="given up", model=following.model)


async def rebuild(session: Session) -> Done:
    """Rebuild the index, from wherever an earlier rebuild was stopped."""
    async with (
        reach.opened(session) as (redis, names),
        _embedders(session) as embedders,
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


@asynccontextmanager
async def _embedders(session: Session) -> AsyncIterator[Embedders]:
    """The embedders of the Triton that is meant."""
    triton = Triton(connect.find(session.folder(), session.environ).triton_url)
    try:
        yield Embedders(triton)
    finally:
        await triton.close()
