"""What comes on `queries`: JSON, plain fields, and all that is neither."""

import pytest

from services.embedder.questions import check_question, read_query
from shared.errors import InvalidMessage, InvalidQuery, RagstreamError, Undecodable
from shared.messages import Query
from shared.streams import DATA, Entry, peek_id


def entry(**fields: bytes | str) -> Entry:
    raw = {k.encode(): v.encode() if isinstance(v, str) else v for k, v in fields.items()}
    return Entry("rag:queries", "17-0", {DATA if k == b"data" else k: v for k, v in raw.items()})


def read(given: Entry) -> Query:
    query = read_query(given)
    check_question(query, max_chars=4_000)
    return query


def test_json_is_read() -> None:
    """An upstream system's question would not be understood."""
    assert read(entry(data='{"id":"a","question":"why?"}')) == Query(id="a", question="why?")


def test_an_entry_without_an_id_gets_that_of_the_entry() -> None:
    """Nobody could find the answer to a question published from a shell."""
    assert read(entry(data='{"question":"why?"}')).id == "17-0"
    assert read(entry(question="why?")).id == "17-0"


def test_plain_fields_are_read_by_their_words() -> None:
    """`XADD rag:queries * question ... top_k 3` would be refused for its 3 being text."""
    asked = read(
        entry(
            question="why?", id="x", top_k="3", stream="true", document_ids="a, b",
            metadata='{"k":1}', extra="ignored",
        )
    )  # fmt: skip
    assert asked == Query(
        id="x", question="why?", top_k=3, stream=True, document_ids=("a", "b"), metadata={"k": 1}
    )


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (entry(question=""), InvalidQuery, "empty"),
        (entry(question=" \n"), InvalidQuery, "empty"),
        (entry(data='{"question":""}'), InvalidQuery, "empty"),
        (entry(question="x" * 100_000), InvalidQuery, "100000 characters, at most 4000"),
        (entry(data="no json"), Undecodable, "JSON"),
        (entry(data=b"\xff\xfe"), Undecodable, "JSON"),
        (entry(question=b"\xff"), Undecodable, "text"),
        (entry(data='{"question":7}'), InvalidMessage, "question"),
        (entry(data="[1]"), InvalidMessage, "object"),
        (entry(other="x"), InvalidMessage, "question"),
        (entry(question="x", top_k="many"), InvalidMessage, "top_k"),
        (entry(question="x", metadata="{"), Undecodable, "JSON"),
        (
            entry(data='{"question":"x","metadata":{"n":99999999999999999999}}'),
            InvalidMessage,
            "64",
        ),
        (entry(data='{"question":"x","metadata":{"a":' + "[" * 5_000), Undecodable, "JSON"),
    ],
)
def test_each_bad_question_has_its_own_error(
    given: Entry, error: type[RagstreamError], words: str
) -> None:
    """A publisher could not tell what to mend."""
    with pytest.raises(error, match=words):
        read(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (entry(data='{"id":"a","question":1}'), "a"),
        (entry(data='{"question":1}'), "17-0"),
        (entry(data='{"id":5}'), "17-0"),
        (entry(data='{"id":""}'), "17-0"),
        (entry(id="a"), "a"),
        (entry(other="x"), "17-0"),
        (entry(data="no json"), None),
        (entry(data="[1]"), None),
    ],
)
def test_the_address_of_a_bad_question_is_found_where_there_is_one(
    given: Entry, expected: str | None
) -> None:
    """Somebody would wait for ever for the answer to a question of the wrong shape."""
    assert peek_id(given) == expected


@pytest.mark.parametrize("given", ["null", "5", '["x"]', '{"a":1}'])
def test_a_trace_context_that_is_no_text_is_left_out(given: str) -> None:
    """A library that writes null where nobody traces would cost each question its answer."""
    asked = read(entry(data=f'{{"question":"why?","traceparent":{given},"id":"a"}}'))
    assert asked == Query(id="a", question="why?")
    with pytest.raises(InvalidMessage, match="top_k"):
        read(entry(data=f'{{"question":"why?","traceparent":{given},"top_k":0}}'))


def test_a_trace_context_of_other_bytes_costs_nothing() -> None:
    """As above, where a question comes as plain fields."""
    assert read(entry(question="why?", traceparent=b"\xff")).question == "why?"
