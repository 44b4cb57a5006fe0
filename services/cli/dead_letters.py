"""Goes through the dead letters that a command means, one after the other."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import click
import msgspec
from redis.asyncio import Redis

from services.cli import reach
from services.cli.session import Session
from shared.dead import Letter, Outcome, drop, list_dead, read_dead
from shared.streams import Namespace

Act = Callable[[Redis, Namespace, Letter], Awaitable[Outcome]]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are meant: by id, by code, or all."""

    ids: tuple[str, ...] = ()
    code: str | None = None
    all: bool = False

    def check(self) -> None:
        """Refuse none and two ways of choosing at once."""
        if sum((bool(self.ids), self.code is not None, self.all)) != 1:
            raise click.UsageError("say which: give ENTRY_IDs, or --code, or --all")


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one letter."""

    id: str
    outcome: Outcome
    stream: str = ""
    subject: str | None = None


async def drop_letter(redis: Redis, names: Namespace, letter: Letter) -> Outcome:
    """`drop`, as `each` wants it."""
    return await drop(redis, names, letter.id)


async def each(session: Session, choice: Choice, act: Act, label: str) -> list[Done]:
    """Do it to every letter that is meant, one after the other, oldest first."""
    done = []
    async with reach.opened(session) as (redis, names):
        length = len(choice.ids) or int(await redis.xlen(names.dead))
        with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
            async with aclosing(_chosen(redis, names, choice)) as letters:
                async for entry_id, letter in letters:
                    outcome = await act(redis, names, letter) if letter else "gone"
                    done.append(_done(entry_id, letter, outcome))
                    bar.update(1)
    return done


async def _chosen(
    redis: Redis, names: Namespace, choice: Choice
) -> AsyncGenerator[tuple[str, Letter | None]]:
    for entry_id in dict.fromkeys(choice.ids):
        yield entry_id, await read_dead(redis, names, entry_id)
    if not choice.ids:
        async with aclosing(list_dead(redis, names, code=choice.code)) as letters:
            async for letter in letters:
                yield letter.id, letter


def _done(entry_id: str, letter: Letter | None, outcome: Outcome) -> Done:
    stream = letter.dead.stream if letter else ""
    subject = letter.subject if letter else None
    return Done(id=entry_id, outcome=outcome, stream=stream, subject=subject)
