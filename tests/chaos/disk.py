"""Redis's disk as a power cut leaves it: what no fsync had reached is gone.

SIGKILL alone leaves every written byte in the system's page cache, so that a killed Redis loses
nothing, whatever `appendfsync` says. Here the append-only file is cut, before the restart, to a
size of which Redis itself had said (WAITAOF) that it was on the disk.
"""

import asyncio
import os
import re
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis.exceptions as redis_errors
from redis.asyncio import Redis

from shared.streams import DATA
from tests.chaos.ledger import NAMES, key_of

_SYNCED_MS = 5_000
_PAUSE_S = 0.1
_INCREMENTAL = re.compile(r"^file (\S+) seq \d+ type i\b", re.MULTILINE)
_PUBLISHED = re.compile(
    rf"XADD\r\n\$\d+\r\n{NAMES.queries}\r\n\$\d+\r\n[\d-]+\r\n"
    rf"\$\d+\r\n{DATA.decode()}\r\n\$(\d+)\r\n".encode()
)
_ANSWERED = f"\r\n{NAMES.answers}\r\n".encode()
_COMMITTED = b"\r\nXACK\r\n"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of which Redis said that all before it is on the disk.

    Attributes:
        file: the part of the append-only file that was written to.
        size: its bytes at that moment.
        accepted: what publishers knew as accepted by then.
    """

    file: Path
    size: int
    accepted: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Loss:
    """What one power cut took.

    Attributes:
        bytes: of the append-only file.
        questions: publications in them; nobody was told that one is accepted.
        commits: of workers, each one's effects with its acknowledgement.
        answers: those of the commits that ended a query.
    """

    bytes: int = 0
    questions: int = 0
    commits: int = 0
    answers: int = 0

    def __add__(self, other: "Loss") -> "Loss":
        """Both together."""
        return Loss(
            self.bytes + other.bytes,
            self.questions + other.questions,
            self.commits + other.commits,
            self.answers + other.answers,
        )


def loss(tail: bytes) -> Loss:
    """What stands in the bytes that are cut off. Pure."""
    return Loss(
        len(tail),
        sum(1 for _ in _PUBLISHED.finditer(tail)),
        tail.count(_COMMITTED),
        tail.count(_ANSWERED),
    )


def promised(tail: bytes, accepted: AbstractSet[str]) -> int:
    """How many bytes of the tail must stay, for what publishers were told is safe. Pure."""
    ends: dict[str, int] = {}
    for found in _PUBLISHED.finditer(tail):
        end = found.end() + int(found[1])
        ends.setdefault(key_of(tail[found.end() : end]), end)
    # two bytes more: the line's end, without which Redis would drop the command as torn
    return max((end + 2 for key, end in ends.items() if key in accepted), default=0)


class Disk:
    """What is known to have reached the disk of one Redis.

    Args:
        folder: Redis's own.
        loses: a kill takes what was not synced; not so with `appendfsync always`, where nothing
            is told to anybody before it is on the disk.

    Attributes:
        losses: of each power cut, in order.
    """

    def __init__(self, folder: Path, *, loses: bool) -> None:
        self.losses: list[Loss] = []
        self._parts = folder / "appendonlydir"
        self._loses = loses
        self._mark: Mark | None = None
        self._noting = asyncio.Lock()  # a mark that is on its way when Redis dies counts

    async def watch(self, redis: Redis, accepted: AbstractSet[str]) -> None:
        """Ask Redis again and again what it has synced, until cancelled."""
        while True:
            with suppress(redis_errors.RedisError, OSError):
                async with self._noting:
                    await self.note(redis, accepted)
            await asyncio.sleep(_PAUSE_S)

    async def note(self, redis: Redis, accepted: AbstractSet[str]) -> None:
        """Wait until all that the file holds by now is on the disk, and remember how much it was.

        Raises:
            redis.exceptions.RedisError, OSError: nothing new is known.
        """
        file = self._last_part()
        mark = Mark(file, file.stat().st_size, frozenset(accepted))
        async with redis.pipeline(transaction=False) as pipe:
            pipe.set("chaos", "noted")  # WAITAOF speaks of what its own connection wrote
            pipe.execute_command("WAITAOF", 1, 0, _SYNCED_MS)
            _, synced = await pipe.execute()
        if int(synced[0]) == 1:
            self._mark = mark

    async def cut(self, accepted: AbstractSet[str]) -> None:
        """Take what a power cut could take; Redis is dead and publishers have heard its last words.

        A rewrite may have begun since the last mark: its new file is spared, for which parts of
        the old one it needs is not known here.
        """
        async with self._noting:
            mark, file = self._mark, self._last_part()
        if not self._loses or mark is None or mark.file != file:
            self.losses.append(Loss())
            return
        tail = file.read_bytes()[mark.size :]
        kept = promised(tail, accepted - mark.accepted)
        if lost := tail[kept:]:
            os.truncate(file, mark.size + kept)
        self.losses.append(loss(lost))

    def _last_part(self) -> Path:
        """The file that Redis writes to, by its manifest."""
        manifest = next(self._parts.glob("*.manifest"))
        return self._parts / str(_INCREMENTAL.findall(manifest.read_text())[-1])
