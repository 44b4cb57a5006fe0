"""What became of every question, from what stands in Redis in the end.

A crash of Redis may un-write answers that a consumer has already seen, together with the
acknowledgement that came with them: its file is one ordered log, and a commit is one piece of
it. The question is then back in its stream and answered again. So the account is made on the
stream as it finally is, not on what was seen on the way.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.messages import Answer, DeadLetter, decode_answer, decode_dead_letter
from shared.streams import DATA
from tests.chaos.ledger import NAMES, Ledger, key_of
from tests.chaos.stack import ChaosStack

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in Redis.

    Attributes:
        answers: all of them.
        dead: all dead letters.
        left: entries in a stage's stream or pending, by stream.
    """

    answers: Sequence[Answer]
    dead: Sequence[DeadLetter]
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Account:
    """The three counts that must be 0, and words about each that is not.

    Attributes:
        lost: accepted and no Answer; poison that left no dead letter.
        answered_twice: Answers beyond the first, Answers that nobody asked for, and dead letters
            beyond the first of one entry.
        left_behind: entries in a stage's stream or pending, and dead letters of good questions.
    """

    lost: int
    answered_twice: int
    left_behind: int
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def good(self) -> bool:
        """Whether all is as promised."""
        return not (self.lost or self.answered_twice or self.left_behind)


def account(ledger: Ledger, found: Found) -> Account:
    """Hold what was found against what publishers know. Pure."""
    answers = Counter(answer.query_id for answer in found.answers)
    letters = Counter((letter.stream, letter.entry_id) for letter in found.dead)
    buried = {_key(letter) for letter in found.dead}
    poison = ledger.empty | ledger.garbage
    unanswered = (ledger.accepted - ledger.garbage) - answers.keys()
    unburied = (ledger.accepted & poison) - buried
    unasked = answers.keys() - (ledger.asked | ledger.empty)
    again = answers - Counter(answers.keys())
    buried_again = letters - Counter(letters.keys())
    innocent = [letter for letter in found.dead if _key(letter) not in poison]
    notes = {
        "no answer": sorted(unanswered),
        "no dead letter": sorted(unburied),
        "never asked": sorted(unasked),
        "answered again": sorted(again.elements()),
        "buried again": sorted(map(str, buried_again.elements())),
        "dead without poison": [f"{one.code}: {one.reason}" for one in innocent],
        "left": [f"{stream}: {count}" for stream, count in found.left.items()],
    }
    return Account(
        lost=len(unanswered | unburied),
        answered_twice=again.total() + len(unasked) + buried_again.total(),
        left_behind=sum(found.left.values()) + len(innocent),
        notes=[f"{what}: {len(it)}, as {it[:_SHOWN]}" for what, it in notes.items() if it],
    )


def _key(letter: DeadLetter) -> str:
    """The ledger's key of what a dead letter holds."""
    return key_of(letter.fields.get(DATA.decode(), b""))


async def find(stack: ChaosStack) -> Found:
    """Read everything that there is, past the wire."""
    redis: Any = stack.direct  # redis-py thinks that entries may be None
    answers = await redis.xrange(NAMES.answers)
    dead = await redis.xrange(NAMES.dead)
    return Found(
        [decode_answer(fields[DATA]) for _, fields in answers],
        [decode_dead_letter(fields[DATA]) for _, fields in dead],
        await stack.left(),
    )
