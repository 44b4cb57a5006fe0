"""What a terminal gets to see."""

import json
import unicodedata

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.cli import render
from shared.messages import Answer, Citation, ErrorInfo, StageTiming

TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
ANSWER = Answer(
    query_id="q",
    status="answered",
    text="By drawing 500 individuals [1].",
    citations=(
        Citation(
            marker=1,
            document_id="d",
            title="Diversity",
            page=3,
            section="Methods",
            chunk_id="c",
            quote="drawing\n500 individuals",
        ),
    ),
    support=0.934,
    timings_ms={
        "generator": StageTiming(queue=2.2, work=1800),
        "embedder": StageTiming(queue=0.1, work=12),
    },
)


@given(st.text())
def test_no_control_character_passes_but_newline_and_tab(text: str) -> None:
    """A document could move the cursor, set the title or type into the terminal."""
    shown = render.safe(text)
    assert all(
        char in "\n\t" or not ("\0" <= char < " " or "\x7f" <= char < "\xa0") for char in shown
    )
    assert not any(unicodedata.bidirectional(char) in TURNING for char in shown)
    shown.encode()  # halves of surrogate pairs would end the command
    assert len(shown) == len(text)


def test_escape_codes_are_shown_as_text() -> None:
    """A quote with a colour code would paint the terminal."""
    assert render.safe("a\x1b[31mb\x9b1mc\rd\u202ee\n\tf") == "a�[31mb�1mc�d�e\n\tf"


@given(st.text())
def test_json_stays_the_same_json_without_raw_controls(text: str) -> None:
    """JSON lets 0x7f to 0x9f pass, which some terminals obey."""
    shown = render.safe_json(msgspec.json.encode({"x": text}))
    assert json.loads(shown) == {"x": text}
    assert not any(char < " " or "\x7f" <= char < "\xa0" for char in shown)
    assert not any(unicodedata.bidirectional(char) in TURNING for char in shown)


def test_an_answer_is_followed_by_its_citations_and_one_line_of_facts() -> None:
    """A reader could not find where a statement stands."""
    assert list(render.answer_lines(ANSWER)) == [
        "By drawing 500 individuals [1].",
        "",
        '[1] Diversity, page 3, Methods: "drawing 500 individuals"',
        "",
        "answered · support 0.93 · 1.81 s (embedder 12 ms, generator 1800 ms after 2 ms in queue)",
    ]


def test_a_failed_answer_shows_its_code() -> None:
    """A person would see an empty answer and not why."""
    failed = Answer(
        query_id="q", status="failed", error=ErrorInfo(code="invalid_query", message="empty")
    )
    assert next(render.answer_lines(failed)) == "failed: empty [invalid_query]"


def test_json_escapes_what_turns_text() -> None:
    """`jq` would show a file's name backwards: its ending could be another one."""
    assert render.safe_json(b'"a\xe2\x80\xaeb"') == '"a\\u202eb"'


def test_a_title_cannot_forge_a_line() -> None:
    """A document's title could add a citation that no passage supports."""
    forged = "T\n[9] Nature, page 1\u2028x\ty"
    citation = msgspec.structs.replace(ANSWER.citations[0], title=forged, section=forged)
    lines = list(render.answer_lines(msgspec.structs.replace(ANSWER, citations=(citation,))))
    assert len(lines) == 5
    assert lines[2].count("T\ufffd[9] Nature, page 1\ufffdx\ufffdy") == 2
    assert "\n" not in lines[2]
