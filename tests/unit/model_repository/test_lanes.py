"""Two lanes: the interactive one goes first, the bulk one is not starved."""

from hypothesis import given
from hypothesis import strategies as st
from lanes import Lanes


def drained(lanes: Lanes[str]) -> str:
    return "".join(lanes.popleft() for _ in range(len(lanes)))


def filled(items: str) -> Lanes[str]:
    """Lower case is bulk."""
    lanes: Lanes[str] = Lanes(share=4)
    for item in items:
        lanes.append(item, bulk=item.islower())
    return lanes


def test_a_person_goes_before_a_bulk_run() -> None:
    """A question would wait behind ten thousand."""
    assert drained(filled("abcX")) == "Xabc"


def test_a_bulk_run_keeps_its_share() -> None:
    """A steady stream of questions would stop a bulk run for ever."""
    assert drained(filled("abABCDEFGH")) == "ABCaDEFbGH"


@given(st.text("abcABC"))
def test_each_lane_keeps_its_order_and_loses_nothing(items: str) -> None:
    """A request would overtake those before it, or vanish."""
    out = drained(filled(items))
    for kind in (str.islower, str.isupper):
        assert list(filter(kind, out)) == list(filter(kind, items))


@given(st.text("abcABC"))
def test_what_is_removed_is_gone(items: str) -> None:
    """A cancelled request would be run all the same."""
    lanes = filled(items)
    assert sorted(lanes.remove(lambda item: item in "aA")) == sorted(i for i in items if i in "aA")
    assert not set(drained(lanes)) & set("aA")
