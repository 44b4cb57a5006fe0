"""Log lines: whatever is logged, each is one JSON object that a terminal cannot obey."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry import bounded, configure, shorten

HOSTILE = '\x1b]0;owned\x07\x9b31m\u202egnp.exe\n{"level":"info"}\r\x7f\0\ud800'


Lines = Callable[[], str]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """What a worker would have logged so far; logging is put back afterwards."""
    root, raises = logging.getLogger(), logging.raiseExceptions
    before = root.handlers[:], root.level
    root.handlers.clear()
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    configure("test", "INFO")
    yield stderr.getvalue
    root.handlers[:], root.level = before
    logging.raiseExceptions = raises
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def only_line(text: str) -> dict[str, object]:
    assert text.endswith("}\n")
    assert text[:-1].isprintable()
    assert text.isascii()
    found: dict[str, object] = json.loads(text)
    return found


def fail_with(message: str) -> None:
    raise ValueError(message)


def test_a_hostile_text_stays_on_its_line(lines: Lines) -> None:
    """A question could forge log lines, or paint the operator's terminal."""
    structlog.get_logger().warning(HOSTILE, question=HOSTILE, ids=[HOSTILE], by={HOSTILE: HOSTILE})
    line = only_line(lines())
    assert line["event"] == line["question"] == HOSTILE
    assert (line["ids"], line["by"]) == ([HOSTILE], {HOSTILE: HOSTILE})


def test_a_librarys_lines_are_the_same(lines: Lines) -> None:
    """FastStream's or uvicorn's lines would carry what ours may not."""
    logging.getLogger("uvicorn").error("bad request: %s", HOSTILE * 1000)
    assert len(str(only_line(lines())["event"])) < 600


def test_an_exceptions_text_is_escaped_and_short(lines: Lines) -> None:
    """An error message that quotes a document would carry all of it into the log."""
    try:
        fail_with(HOSTILE * 10_000)
    except ValueError:
        structlog.get_logger().exception("failed")
    assert len(str(only_line(lines())["exception"])) < 8_100


def test_a_line_that_cannot_be_formatted_prints_nothing_raw(lines: Lines) -> None:
    """Python would print its complaint and the arguments as they are."""
    logging.getLogger("x").error("%d pages", HOSTILE)
    assert HOSTILE[:4] not in lines()


def test_a_long_token_is_cut_and_its_length_said() -> None:
    """One question of 20 MB would be a log line of 20 MB."""
    assert shorten("x" * 20_000_000) == f"{'x' * 500}… (20000000 characters)"


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
)


@given(st.dictionaries(st.text(min_size=1), JSON_LIKE))
def test_whatever_is_logged_becomes_one_line_of_json(values: dict[str, object]) -> None:
    """A line that is no JSON would stop the operator's log pipeline."""
    text = structlog.processors.JSONRenderer()(None, "info", bounded(None, "info", values))
    assert isinstance(text, str)
    assert "\n" not in text
    json.loads(text, parse_constant=pytest.fail)


def test_what_has_no_end_is_cut() -> None:
    """A value that holds itself, or a number of a million digits, would lose the line."""
    endless: list[object] = [10**5_000]
    endless.append(endless)
    text = json.dumps(bounded(None, "info", {"x": endless, "y": ["z"] * 10_000}))
    assert len(text) < 10_000
    assert sys.getsizeof(text) < 10_100
