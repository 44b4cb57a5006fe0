"""Which trace an exemplar names: only one that was recorded, and only what is a trace's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.counting import trace_id
from shared.messages import Document, Generate, Query

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
RECORDED = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_a_message_on_its_way_has_the_trace_of_its_query() -> None:
    """Only the embedder's times would lead to a trace."""
    query = Query(question="Why?", traceparent=RECORDED)
    assert trace_id(query) == TRACE
    assert trace_id(Generate(query=query, hits=(), accepted_ms=1)) == TRACE
    assert trace_id(Document(id="d", text="x", traceparent=RECORDED)) == TRACE


@pytest.mark.parametrize(
    "traceparent", ["", f"00-{TRACE}-00f067aa0ba902b7-00", f"{RECORDED}\n", TRACE, '"} 1\n#']
)
def test_what_was_not_recorded_is_not_named(traceparent: str) -> None:
    """A dashboard would lead to traces that nobody kept, or a publisher would write the page."""
    assert trace_id(Query(question="Why?", traceparent=traceparent)) == ""
    assert trace_id(None) == ""


@given(st.text())
def test_whatever_a_publisher_writes_is_no_error(traceparent: str) -> None:
    """An entry would be left pending by its own count, for ever."""
    found = trace_id(Query(question="Why?", traceparent=traceparent))
    assert not found or len(found) == 32
