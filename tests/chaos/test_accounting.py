"""What is decided without a server: the schedule, and the account itself."""

import pytest

from shared.messages import Answer, DeadLetter
from tests.chaos.accounting import Found, account
from tests.chaos.ledger import Ledger
from tests.chaos.publishing import empty_question, garbage
from tests.chaos.schedule import schedule

KINDS = ("a", "b", "c")


def test_a_seed_gives_one_schedule() -> None:
    """A failure could not be run again."""
    first, again = (
        [(one.kind, one.pause_s, one.dice.random()) for one in schedule(7, 9, KINDS, (1, 2))]
        for _ in range(2)
    )
    assert first == again


def test_every_kind_comes_as_often_as_the_others() -> None:
    """A run of 200 faults could leave one of them out."""
    kinds = [one.kind for one in schedule(7, 9, KINDS, (1, 2))]
    assert {kind: kinds.count(kind) for kind in KINDS} == dict.fromkeys(KINDS, 3)


def answer(query_id: str) -> Answer:
    return Answer(query_id=query_id, status="answered")


def letter(data: bytes, entry_id: str = "1-0") -> DeadLetter:
    return DeadLetter(
        stream="rag:queries", entry_id=entry_id, code="x", reason="x", attempts=1,
        first_ms=0, last_ms=0, fields={"__data__": data},
    )  # fmt: skip


GOOD = letter(b'{"type":"query","id":"q","question":"?"}')


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        (Found([answer("q")], [], {}), (0, 0, 0)),
        (Found([], [], {}), (1, 0, 0)),
        (Found([answer("q"), answer("q")], [], {}), (0, 1, 0)),
        (Found([answer("q"), answer("other")], [], {}), (0, 1, 0)),
        (Found([answer("q")], [], {"rag:generate": 2}), (0, 0, 2)),
        (Found([answer("q")], [GOOD], {}), (0, 0, 1)),
    ],
)
def test_the_account_sees_each_fault(found: Found, counts: tuple[int, int, int]) -> None:
    """The suite would report zeros whatever happened."""
    ledger = Ledger(asked={"q"}, accepted={"q"})
    result = account(ledger, found)
    assert (result.lost, result.answered_twice, result.left_behind) == counts


def test_poison_is_accounted_on_dead() -> None:
    """Bytes that are no message could vanish, or be buried twice, unseen."""
    ledger = Ledger(asked=set(), accepted={"e", "g"}, empty={"e"}, garbage={"g"})
    dead = [letter(empty_question("e").payload), letter(garbage("g").payload, "2-0")]
    assert account(ledger, Found([answer("e")], dead, {})).good
    assert account(ledger, Found([answer("e")], dead[:1], {})).lost == 1
    assert account(ledger, Found([answer("e")], [*dead, dead[1]], {})).answered_twice == 1
