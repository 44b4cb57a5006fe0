"""What a look leaves out, and which of two entries of a query counts. Pure."""

from services.console.live import present
from services.console.queries import MOST, QueryView, newest
from shared.stages import ConsumerView, PipelineView, StageView
from shared.whereabouts import State


def consumer(name: str, pending: int, idle_s: float) -> ConsumerView:
    return ConsumerView(group="g", name=name, pending=pending, idle_s=idle_s)


def query(query_id: str, state: State, entry_id: str) -> QueryView:
    return QueryView(id=query_id, state=state, entry_id=entry_id, since_s=0, words="")


def test_a_consumer_that_is_gone_is_left_out() -> None:
    """A worker that was killed would stand there for minutes."""
    all_three = (consumer("lives", 0, 1), consumer("gone", 0, 16), consumer("holds", 2, 16))
    stage = StageView(name="queries", stream="rag:queries", consumers=all_three)
    [shown] = present(PipelineView(namespace="rag", at_ms=0, stages=(stage,)), 15).stages
    assert [one.name for one in shown.consumers] == ["lives", "holds"]


def test_a_query_that_moves_on_is_shown_once_where_it_is() -> None:
    """One that was met in two stages would be counted twice."""
    found = [
        query("q", "in_hand", "5-0"),
        query("q", "answered", "5-1"),
        query("p", "failed", "9-0"),
    ]
    shown = newest(found)
    assert [(one.id, one.state) for one in shown] == [("p", "failed"), ("q", "answered")]


def test_a_redriven_query_is_on_its_way_again() -> None:
    """Its old failed Answer would hide that it waits."""
    [shown] = newest([query("q", "waiting", "10-0"), query("q", "failed", "9-5")])
    assert shown.state == "waiting"


def test_what_is_in_hand_is_shown_however_much_waits_behind_it() -> None:
    """With a long queue nobody would see what the workers do."""
    waiting = [query(str(number), "waiting", f"{number}-0") for number in range(10, MOST + 20)]
    shown = newest([query("held", "in_hand", "1-0"), *waiting])
    assert (len(shown), shown[-1].id, shown[0].id) == (MOST, "held", str(MOST + 19))


def test_no_more_are_shown_than_a_page_holds() -> None:
    """A busy deployment would send megabytes each second."""
    found = [query(str(number), "answered", f"{number}-0") for number in range(MOST + 5)]
    assert [one.id for one in newest(found)][:2] == [str(MOST + 4), str(MOST + 3)]
    assert len(newest(found)) == MOST
