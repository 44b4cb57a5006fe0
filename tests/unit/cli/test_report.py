"""The report as a page: what is in it, and that nothing in it runs that is not ours.

`make browser` opens it in a real browser.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import lxml.html
import msgspec
import pytest
from click.testing import CliRunner

from services.cli.journal import beside, opened
from services.cli.main import cli
from services.cli.question_sets import Question
from services.cli.report import page
from services.cli.runs import DocumentName, Planned, Run
from shared.messages import Answer, Citation, ErrorInfo, Evidence, StageTiming
from tests.made_runs import answer_all, new_run

HOSTILE = (
    "</script><script>alert(1)</script><!--<script>\u2028&lt;img src=x onerror=alert(1)>[[data]]"
)


def hostile_run() -> Run:
    """The same text wherever a document, a model or a question set may put text."""
    run = new_run(0, 0)
    question = Question(id=HOSTILE, text=HOSTILE)
    run.planned = Planned(
        questions=(question,), documents=(DocumentName(id=HOSTILE, title=HOSTILE),)
    )
    cited = Citation(
        marker=1, document_id="other", title=HOSTILE, section=HOSTILE, chunk_id="c", quote=HOSTILE
    )
    near = Evidence(sentence=HOSTILE, document_id=HOSTILE, chunk_id="c", page=4, score=0.5)
    answer = Answer(
        query_id=HOSTILE,
        status="answered",
        text=HOSTILE,
        citations=(cited,),
        evidence=(near,),
        error=ErrorInfo(code="c", message=HOSTILE),
        timings_ms={HOSTILE: StageTiming(queue=1, work=2)},
    )
    return answer_all(run, lambda _n, _cell: answer)


def parsed(run: Run) -> Any:
    return lxml.html.document_fromstring(page(run).encode())


def data(document: Any) -> Any:
    [element] = document.xpath("//script[@type='application/json']")
    return msgspec.json.decode(element.text)


def test_hostile_text_stays_data() -> None:
    """A document could run its script in the browser of who reads the report."""
    document = parsed(hostile_run())
    assert len(document.xpath("//script")) == 2
    assert not document.xpath("//img")
    found = data(document)
    assert found["questions"] == [{"id": HOSTILE, "text": HOSTILE}]
    assert found["documents"] == [{"id": HOSTILE, "title": HOSTILE}]
    [cell] = found["cells"]
    assert cell["text"] == cell["citations"][0]["quote"] == cell["evidence"][0]["sentence"]
    assert cell["text"] == HOSTILE


def test_the_policy_lets_our_script_and_style_run_and_nothing_else() -> None:
    """If text slipped into the page as markup after all, nothing would stop it."""
    document = parsed(hostile_run())
    [policy] = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for kind, path in (("script-src", "//script[not(@type)]"), ("style-src", "//style")):
        [element] = document.xpath(path)
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"


def test_the_page_loads_nothing() -> None:
    """A report on a train would be empty, and reading it would be seen by others."""
    text = page(new_run())
    assert not re.search(r"""(src|href|@import|url\()\s*=?\s*["'(]?(https?:)?//""", text)
    assert not parsed(new_run()).xpath("//link | //*[@src] | //*[@href] | //*[@style] | //iframe")


def test_the_script_writes_text_and_never_markup() -> None:
    """One innerHTML would let a document's words become part of the page."""
    script = (Path(__file__).parents[3] / "services/cli/report.js").read_text("utf-8")
    script = re.sub(r"^\s*//.*$", "", script, flags=re.MULTILINE)
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert way not in script


def test_cells_stand_where_they_belong() -> None:
    """An answer would be shown for another paper."""
    run = new_run(3, 2)
    answer_all(
        run,
        lambda n, cell: None if n == 4 else Answer(query_id=run.query(cell).id, status="abstained"),
    )
    found = data(parsed(run))
    assert [(cell["d"], cell["q"]) for cell in found["cells"]] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 2),
    ]  # fmt: skip


def test_of_many_sentences_the_nearest_are_shown() -> None:
    """A report of a library would have hundreds of megabytes, or hide the best evidence."""
    run = new_run(1, 1)
    near = [
        Evidence(sentence=str(n), document_id="d1", chunk_id="c", score=n / 20) for n in range(20)
    ]
    answer_all(run, lambda _n, _c: Answer(query_id="q", status="answered", evidence=tuple(near)))
    [cell] = data(parsed(run))["cells"]
    assert [one["sentence"] for one in cell["evidence"]] == [str(n) for n in range(19, 11, -1)]
    assert "title" not in cell["evidence"][0]


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    """Nobody could look at a run that is under way."""
    run, out = new_run(), tmp_path / "report.html"
    with opened(beside(tmp_path / "a.csv")) as written:
        written.append([run.begun, run.planned])
    words = ("report", str(tmp_path / "a.csv"), "--out", str(out))
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert out.read_text("utf-8") == page(run)
    assert CliRunner().invoke(cli, ("report", "nowhere", "--out", str(out))).exit_code == 11


@pytest.mark.parametrize("status", ["answered", "abstained", "failed", "expired", "cancelled"])
def test_every_status_has_a_colour_and_a_sign(status: str) -> None:
    """A new status would be an empty cell."""
    text = page(new_run())
    assert f".{status}" in text
    assert f'{status}: "' in text
