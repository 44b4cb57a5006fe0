"""What a run found, as files that other programs read."""

import csv
import io
import sys
from pathlib import Path

import msgspec
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from services.cli import results, summary
from services.cli.main import cli
from services.cli.results import Row
from services.cli.runs import Cell, Run
from shared.errors import RunError
from shared.messages import Answer, Citation, ErrorInfo, Evidence, StageTiming, Status
from tests.made_runs import answer_all, new_run

STATUSES: tuple[Status, ...] = ("answered", "abstained", "failed", "expired")


def a_run() -> Run:
    """Every kind of answer, and one cell without any."""
    run = new_run(1, 5)
    return answer_all(run, lambda n, cell: an_answer(run, cell, STATUSES[n]) if n < 4 else None)


def an_answer(run: Run, cell: Cell, status: Status) -> Answer:
    assert cell.document is not None
    here, good = cell.document.id, status == "answered"
    cited = Citation(marker=1, document_id=here, page=3, chunk_id="c", quote='=1+1, "so"\nhe')
    near = Evidence(sentence="s", document_id=here, chunk_id="c", score=0.5)
    return Answer(
        query_id=run.query(cell).id,
        status=status,
        text="=HYPERLINK(1)\n“é”" if good else "",
        citations=(cited,) if good else (),
        evidence=(near,) if good else (),
        support=0.75 if good else 0.0,
        timings_ms={"embedder": StageTiming(queue=1, work=2), "x": StageTiming(queue=3, work=4)},
        models={"generator": "m"},
        error=None if good else ErrorInfo(code="internal", message="-boom"),
    )


def encoded(name: str, rows: list[Row]) -> bytes:
    return b"".join(results.encoder(Path(name))(rows))


def test_rows_stand_document_by_document() -> None:
    """Two runs of one set could not be laid side by side."""
    rows = results.rows(a_run())
    assert [row.document_id for row in rows] == ["d1", "d2", "d3", "d4"]
    assert [row.status for row in rows] == list(STATUSES)
    assert (rows[0].title, rows[0].queue_ms, rows[0].work_ms) == ("Paper 1", 4, 6)
    assert (rows[2].error_code, rows[2].error) == ("internal", "-boom")


def test_a_collection_has_rows_without_document() -> None:
    """Asking the whole collection would end in a traceback when all is answered."""
    run = new_run(1, 0)
    answer_all(run, lambda _, cell: Answer(query_id=run.query(cell).id, status="abstained"))
    [row] = results.rows(run)
    assert (row.document_id, row.title) == ("", "")


def test_csv_is_read_by_others_and_runs_nowhere() -> None:
    """A spreadsheet would run a formula that a hostile document has put into an answer."""
    text = encoded("a.CSV", results.rows(a_run())).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["status"] for row in rows] == list(STATUSES)
    assert rows[0]["text"] == "'=HYPERLINK(1)\n“é”"
    assert rows[0]["citations"] == '[1] d1 p. 3: "=1+1, "so" he"'
    assert (rows[0]["support"], rows[0]["models"]) == ("0.75", "generator=m")
    assert rows[2]["error"] == "'-boom"


def test_jsonl_has_everything() -> None:
    """Who reads the file with a program would lack evidence and timings."""
    rows = results.rows(a_run())
    lines = encoded("a.jsonl", rows).splitlines()
    assert [msgspec.json.decode(line, type=Row) for line in lines] == rows


@pytest.mark.parametrize("count", [0, 4])
def test_parquet_has_everything_with_its_types(count: int) -> None:
    """Nested fields would be text, or an empty run's file have other columns than a full one's."""
    rows = results.rows(a_run())[:count]
    whole = pyarrow.parquet.read_table(io.BytesIO(encoded("a.parquet", rows)))
    assert whole.column_names == list(Row.__struct_fields__)
    assert str(whole.schema.field("support").type) == "double"
    back = [
        {**one, **{name: dict(one[name]) for name in ("models", "timings_ms")}}
        for one in whole.to_pylist()
    ]
    assert msgspec.convert(back, list[Row]) == rows


def test_an_unknown_format_is_said_before_anything_is_asked() -> None:
    """After a night of answering there would be no file."""
    with pytest.raises(RunError, match=r"\.csv, \.jsonl, \.parquet"):
        results.encoder(Path("answers.xlsx"))


def test_parquet_without_its_extra_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a night of answering the command would end in a traceback."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where it is not installed
    (tmp_path / "q.txt").write_text("Why?")
    words = ("batch", str(tmp_path / "q.txt"), "--out", str(tmp_path / "a.parquet"))
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 11
    assert "pip install 'ragstream[parquet]'" in result.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "q.txt"]


def test_the_summary_counts_each_question() -> None:
    """A question that most papers do not answer would look like the others."""
    [count] = summary.counts(a_run())
    assert (count.answered, count.abstained, count.failed, count.waiting) == (1, 1, 2, 1)
    head, line, sums = summary.lines([count])
    assert head.split() == ["answered", "abstained", "failed", "waiting", "question"]
    assert line.split() == ["1", "1", "2", "1", "Q1", "Question", "1?"]
    assert sums.endswith("all 1 questions")
    rows = list(csv.DictReader(io.StringIO(summary.as_csv([count]).decode())))
    assert rows[0]["failed"] == "2"


def test_a_long_question_stays_on_its_line() -> None:
    """A question set with essays in it, or with control codes, would tear the table apart."""
    count = summary.Count(question_id="1", question="long\n\x1b[2J " * 50)
    _, line, _ = summary.lines([count])
    assert len(line) < 120
    assert "\n" not in line
    assert "\x1b" not in line
