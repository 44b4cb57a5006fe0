"""Dead letters as a person reads them: everything is there, and nothing is obeyed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import dead_view
from shared.dead import Letter
from shared.messages import DeadLetter, Query, Retrieve, encode_msgpack


def letter(reason: str = "r", **fields: bytes) -> Letter:
    dead = DeadLetter(
        stream="rag:queries",
        entry_id="1-0",
        code="c",
        reason=reason,
        attempts=3,
        first_ms=1_795_255_768_324,
        last_ms=2**62,
        fields=fields,
    )
    return Letter("2-0", dead, None, None)


@given(st.binary())
def test_whatever_was_sent_is_shown_harmless(value: bytes) -> None:
    """A dead letter could rewrite the operator's screen."""
    shown = dead_view.content(value)
    assert all(sign.isprintable() or sign in "\n\t" for sign in shown)


@pytest.mark.parametrize("sign", ["\x1b]0;title\x07", "\x9b2J", "\u202e", "\r", "\x7f"])
def test_control_codes_in_words_are_written_out(sign: str) -> None:
    """An upstream system could hide what it sent."""
    whole = "\n".join(dead_view.whole(letter(reason=sign, field=sign.encode())))
    assert sign not in whole
    assert repr(sign)[1:-1] in whole


def test_json_is_indented_and_its_numbers_stay_exact() -> None:
    """An operator would compare another message than was sent."""
    shown = dead_view.content(b'{"n":12345678901234567890123,"x":1.50}')
    assert shown.splitlines() == ["{", '  "n": 12345678901234567890123,', '  "x": 1.50', "}"]


def test_messages_of_inner_streams_are_shown_as_json() -> None:
    """A failed search would be a wall of bytes."""
    message = Retrieve(query=Query(question="Why?"), embedding=b"\0\1", accepted_ms=1)
    shown = json.loads(dead_view.content(encode_msgpack(message)))
    assert shown["query"]["question"] == "Why?"


def test_a_long_field_is_cut_and_said_so() -> None:
    """A dead 20 MB document would scroll everything else away."""
    *_, text, cut = dead_view.whole(letter(content=b"x" * (dead_view.LONGEST_FIELD + 7)))
    assert len(text) == dead_view.LONGEST_FIELD
    assert cut == "… 7 characters more: --json has them all"


def test_a_time_that_no_clock_shows_is_printed_as_it_is() -> None:
    """One letter with a wrong time would hide the rest of the list."""
    [_, row, reason, count] = dead_view.lines([letter(reason="a\n" + "b" * 99)], 5, more=True)
    assert str(2**62) in row
    assert reason == "  a " + "b" * 77 + "…"
    assert count == "5 dead letters, 1 shown: see --limit"
