"""`ragstream dead list|show|redrive|drop`: what could not be done, and what becomes of it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from itertools import islice
from typing import Any, NoReturn

import click

from services.cli import dead_view, exits, reach, render
from services.cli.dead_letters import Choice, Done, drop_letter, each
from services.cli.dead_view import LetterView
from services.cli.session import Session, data_dir_option, json_option, pass_session
from shared.dead import ENTRY_ID, Letter, list_dead, read_dead, redrive

_MOST_NAMED = 100


def _check_ids(_ctx: click.Context, _argument: click.Parameter, value: Any) -> Any:
    for entry_id in (value,) if isinstance(value, str) else value:
        if not ENTRY_ID.fullmatch(entry_id):
            raise click.BadParameter(f"{entry_id!r} is no entry id as `dead list` prints them")
    return value


_ids = click.argument("entry_ids", nargs=-1, metavar="[ENTRY_ID]...", callback=_check_ids)
_code = click.option("--code", metavar="CODE", help="Those with this error code.")
_all = click.option("--all", "everything", is_flag=True, help="All that are there now.")


@click.group
def dead() -> None:
    """See, repeat or drop what could not be done.

    What no attempt could handle is kept with its original bytes as a dead letter, and
    whoever waited for it was told so.

    \b
    Examples:
      ragstream dead list
      ragstream dead show 1795255768324-0
      ragstream dead redrive --code attempts_exhausted

    Exit status: 0, 27 no such letter, 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@dead.command("list", short_help="Show the dead letters, oldest first.")
@_code
@click.option("--stream", metavar="STREAM", help="Those from this stream, as `generate`.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="No more than these.",
)
@json_option
@data_dir_option
@pass_session
def list_(session: Session, *, code: str | None, stream: str | None, limit: int) -> None:
    """Show the dead letters, oldest first: id, stream, code of the error, and its words.

    \b
    Examples:
      ragstream dead list
      ragstream dead list --code no_text --limit 1000
      ragstream dead list --stream queries --json | jq -r '.letters[] | [.id, .reason] | @tsv'

    Exit status: 0, whether or not there are any; 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    letters, length = asyncio.run(_list(session, code, stream, limit))
    if session.json:
        session.show({"length": length, "letters": [LetterView.of(letter) for letter in letters]})
    else:
        for line in dead_view.lines(letters[:limit], length, more=len(letters) == limit):
            render.say(line)


async def _list(
    session: Session, code: str | None, stream: str | None, limit: int
) -> tuple[list[Letter], int]:
    letters: list[Letter] = []
    async with reach.opened(session) as (redis, names):
        length = await redis.xlen(names.dead)
        async with aclosing(list_dead(redis, names, code=code, stream=stream)) as found:
            async for letter in found:
                letters.append(letter)
                if len(letters) == limit:
                    break
    return letters, length


@dead.command(short_help="Show one dead letter whole.")
@click.argument("entry_id", callback=_check_ids)
@json_option
@data_dir_option
@pass_session
def show(session: Session, *, entry_id: str) -> None:
    """Show one dead letter: why, when, after how many attempts, and its original content.

    With --json, `fields` are the original bytes in base64.

    \b
    Examples:
      ragstream dead show 1795255768324-0
      ragstream dead show --json 1795255768324-0 | jq -r .fields.__data__ | base64 -d

    Exit status: 0, 27 no such letter, 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    letter = asyncio.run(_read(session, entry_id))
    if letter is None:
        session.fail("unknown_letter", f"there is no dead letter {entry_id}", exits.UNKNOWN)
    if session.json:
        session.show(dead_view.WholeLetterView.of(letter))
    else:
        click.echo("\n".join(dead_view.whole(letter)))  # escaped there, so that it stays exact


async def _read(session: Session, entry_id: str) -> Letter | None:
    async with reach.opened(session) as (redis, names):
        return await read_dead(redis, names, entry_id)


@dead.command("redrive", short_help="Try dead letters again.")
@_ids
@_code
@_all
@json_option
@data_dir_option
@pass_session
def redrive_(
    session: Session, *, entry_ids: tuple[str, ...], code: str | None, everything: bool
) -> None:
    """Put the entries of dead letters back on the streams that they failed in.

    Redriving a letter twice tries it once. A query's failed answer stays on the answers
    stream, so that its consumers may see a second, real answer of the same query id; a query
    whose deadline has passed ends as expired. A query whose id was asked again meanwhile
    stays dead. A document replaces what was ingested under its id since; its bytes are kept
    for a day, then it must be ingested anew.

    \b
    Examples:
      ragstream dead redrive 1795255768324-0
      ragstream dead redrive --code attempts_exhausted
      ragstream dead redrive --all --json | jq .counts

    \b
    Exit status: 0, 27 a letter that was named is not there, or stays dead. With --code or
    --all, what changed meanwhile is counted, and no error. 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    choice = Choice(ids=entry_ids, code=code, all=everything)
    choice.check()
    _report(session, choice, asyncio.run(each(session, choice, redrive, "redriving")))


@dead.command("drop", short_help="Delete dead letters for good.")
@_ids
@_code
@_all
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@json_option
@data_dir_option
@pass_session
def drop_(
    session: Session, *, entry_ids: tuple[str, ...], code: str | None, everything: bool, yes: bool
) -> None:
    """Delete dead letters for good. It asks first.

    \b
    Examples:
      ragstream dead drop 1795255768324-0
      ragstream dead drop --code invalid_query --yes
      ragstream dead drop --all --yes --json

    \b
    Exit status: 0, 1 not confirmed, 27 a letter that was named is not there. With --code or
    --all, what changed meanwhile is counted, and no error. 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    choice = Choice(ids=entry_ids, code=code, all=everything)
    choice.check()
    if session.json and not yes:
        raise click.UsageError("with --json nothing is asked: add --yes")
    if not yes:
        click.confirm(f"Delete {_wanted(choice)} for good?", abort=True, err=True)
    _report(session, choice, asyncio.run(each(session, choice, drop_letter, "dropping")))


def _wanted(choice: Choice) -> str:
    if choice.ids:
        return f"{len(choice.ids)} dead letter(s)"
    return f"all dead letters with code {choice.code}" if choice.code else "all dead letters"


def _report(session: Session, choice: Choice, done: Sequence[Done]) -> NoReturn:
    """Say what became of each that was named, or how many of the others."""
    counts = Counter(one.outcome for one in done)
    left = [one for one in done if one.outcome not in {"redriven", "dropped"}]
    if session.json:
        session.show({"counts": counts, "letters": done if choice.ids else left})
    else:
        for one in islice(done if choice.ids else left, _MOST_NAMED):
            render.say(dead_view.done_line(one.id, one.outcome, one.stream, one.subject))
        render.say(dead_view.counts_line(counts))
    raise click.exceptions.Exit(exits.UNKNOWN if choice.ids and left else exits.OK)
