"""`ragstream status`: what runs, what waits, who works on what, and where one query is."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import click
import msgspec

from services.cli import connect, exits, pipeline_view, reach, render
from services.cli.session import Session, data_dir_option, json_option, pass_session
from shared import pipeline, whereabouts
from shared.errors import Outage, RagstreamError, StackNotRunning
from shared.stages import PipelineView, with_rates

WATCH_S = 2.0
BETWEEN_LOOKS_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One look.

    Attributes:
        local: a StackView; None where RAGSTREAM_REDIS_URL names another deployment.
        pipeline: None where it could not be looked at.
        problem: why not, where there is more to say than `local` does.
    """

    local: Any = None
    pipeline: PipelineView | None = None
    problem: RagstreamError | None = None

    @property
    def is_ready(self) -> bool:
        """Every local part can work; elsewhere: Redis answers."""
        return self.pipeline is not None if self.local is None else bool(self.local.is_ready)

    @property
    def content(self) -> object:
        """The one JSON object."""
        local = {} if self.local is None else msgspec.to_builtins(self.local)
        problem = self.problem and {"code": self.problem.code, "message": str(self.problem)}
        return {**local, "pipeline": self.pipeline, "pipeline_error": problem}

    def lines(self) -> Iterator[str]:
        """What a person reads."""
        if self.local is not None:
            from services.cli import view  # noqa: PLC0415 - a worker's image has no psutil

            yield from view.lines(self.local)
        if self.pipeline is not None:
            if self.local is not None:
                yield ""
            yield from pipeline_view.lines(self.pipeline)
        if self.problem is not None:
            yield f"the streams cannot be seen: {self.problem}"


def _check_id(_ctx: click.Context, _argument: click.Parameter, value: str | None) -> str | None:
    if value == "":
        raise click.BadParameter("a query's id is not empty")
    return value


@click.command
@click.argument("query_id", required=False, callback=_check_id)
@click.option("--watch", is_flag=True, help="Look again every 2 seconds, until Ctrl-C.")
@json_option
@data_dir_option
@pass_session
def status(session: Session, *, query_id: str | None, watch: bool) -> None:
    """Show each part of the local stack, and each stage of the pipeline.

    Of each stage: entries, how many wait (lag) and are in consumers' hands (pending), the age
    of the oldest of both, what comes in and is taken per second, and each consumer with the
    queries it has in hand: for how long they are in this stage, and which attempt it is.
    Rates are taken from two looks, half a second apart, or 2 seconds with --watch.
    With RAGSTREAM_REDIS_URL set, that deployment's streams are shown, and no local parts.

    With a QUERY_ID: where that query is, since when, and which attempt; or how it ended. The
    streams are searched for it, up to 20,000 entries of each; it says so where there are more.

    \b
    Examples:
      ragstream status
      ragstream status --watch
      ragstream status 5d1f0c6e0b7e4f0a9a7f6f1f8f6f0c11
      ragstream status --json | jq -r .redis_url
      ragstream status --json | jq '.pipeline.stages[] | {name, lag, oldest_s}'
      ragstream status > /dev/null && echo ready
      RAGSTREAM_REDIS_URL=redis://redis:6379/0 ragstream status --watch

    \b
    Exit status: 0 every part is ready (another deployment: Redis answers; --watch: ended),
    6 otherwise, 24 Redis is away. With a QUERY_ID: 0 found, 27 no trace of it.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if watch and (query_id or session.json):
        raise click.UsageError("--watch goes with neither QUERY_ID nor --json")
    if query_id:
        _show_query(session, query_id)
    if watch:
        _watch(session)
    seen = asyncio.run(_look(session, None))
    if session.json:
        session.show(seen.content)
    else:
        render.say("\n".join(seen.lines()))
    raise click.exceptions.Exit(exits.OK if seen.is_ready else StackNotRunning.exit_code)


def _watch(session: Session) -> NoReturn:
    try:
        asyncio.run(_look_for_ever(session))
    except KeyboardInterrupt:
        raise click.exceptions.Exit(exits.OK) from None
    raise AssertionError("it ends with Ctrl-C")


async def _look_for_ever(session: Session) -> None:
    before: PipelineView | None = None
    while True:
        seen = await _look(session, before, may_be_away=True)
        before = seen.pipeline
        click.clear()  # nothing where stdout is no terminal
        render.say("\n".join(seen.lines()))
        await asyncio.sleep(WATCH_S)


async def _look(
    session: Session, before: PipelineView | None, *, may_be_away: bool = False
) -> _Seen:
    """Look once; without an earlier look, look twice for the rates.

    Raises:
        RagstreamError: the other deployment's Redis is away, or lets us not in.
    """
    if connect.URL in session.environ:
        try:
            return _Seen(pipeline=await _pipeline(session, before))
        except Outage as exc:
            if not may_be_away:
                raise
            return _Seen(problem=exc)
    from services.cli import view  # noqa: PLC0415 - a worker's image has no psutil

    local = view.look(session.folder())
    if local.phase != "ready":
        return _Seen(local=local)
    try:
        return _Seen(local=local, pipeline=await _pipeline(session, before))
    except RagstreamError as exc:
        return _Seen(local=local, problem=exc)


async def _pipeline(session: Session, before: PipelineView | None) -> PipelineView:
    async with reach.opened(session) as (redis, names):
        if before is None:
            before = await pipeline.look(redis, names)
            await asyncio.sleep(BETWEEN_LOOKS_S)
        return with_rates(before, await pipeline.look(redis, names))


def _show_query(session: Session, query_id: str) -> NoReturn:
    found = asyncio.run(_find(session, query_id))
    if session.json:
        session.show(found)
    else:
        render.say("\n".join(pipeline_view.whereabouts_lines(found)))
    raise click.exceptions.Exit(exits.UNKNOWN if found.state == "unknown" else exits.OK)


async def _find(session: Session, query_id: str) -> whereabouts.Whereabouts:
    async with reach.opened(session) as (redis, names):
        return await whereabouts.find(redis, names, query_id)
