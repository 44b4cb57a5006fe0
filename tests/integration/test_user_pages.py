"""The pages for newcomers: their commands, run as they stand there, on a whole stack."""

import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documented import run, shell
from tests.pdfs import column, pdf
from tests.running_stack import Stack

ROOT = Path(__file__).parents[2]
BIN = str(Path(sys.executable).parent)  # has `ragstream`, `redis-cli` and `python`
PAPER = pdf(
    [
        column(
            [
                "Birds of a river bank",
                "",
                "Two data sets were used: the counts of the river survey,",
                "and photographs of nests that volunteers had taken.",
            ],
            x=50,
            top=780,
        ),
        column(["We measured the height of 312 nests above the water."], x=50, top=780),
    ],
    title="Birds of a river bank",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a newcomer stands: a clone, and a paper of their own in it."""
    (tmp_path / "paper.pdf").write_bytes(PAPER)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.fixture
def as_found(stack: Stack) -> Iterator[None]:
    """What the pages hand in and subscribe to is gone afterwards."""
    yield
    listed = json.loads(stack.run("documents", "list", "--json").stdout)["documents"]
    ids = [one["id"] for one in listed if one["collection"] in {"mine", "notes"}]
    assert stack.run("documents", "remove", *ids).returncode == 0
    with stack.redis() as client:
        client.xgroup_destroy("rag:answers", "reports")


def do(page: str, heading: str, folder: Path, stack: Stack) -> str:
    """Run the block under a heading; returns what it printed."""
    variables = {**stack.variables, "RAGSTREAM_STACK_DATA_DIR": str(stack.folder)}
    done = run(shell(page, heading), folder, BIN, variables)
    assert done.returncode == 0, f"{page}, {heading}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.usefixtures("as_found")
def test_the_tutorial_ends_with_answers_about_ones_own_paper(folder: Path, stack: Stack) -> None:
    """A newcomer's first ten minutes would end with an error."""
    read = do("tutorial.md", "Read your paper", folder, stack)
    assert read.count("Birds of a river bank") == 1
    assert "2 pages" in read
    assert "answered" in do("tutorial.md", "Ask it", folder, stack)
    do("tutorial.md", "Ask it your questions", folder, stack)
    rows = list(csv.DictReader((folder / "answers.csv").read_text("utf-8").splitlines()))
    assert [row["question"] for row in rows] == (folder / "questions.txt").read_text().splitlines()
    assert {row["status"] for row in rows} <= {"answered", "abstained"}
    assert "<html" in (folder / "report.html").read_text("utf-8")
    assert do("tutorial.md", "Ask from a program", folder, stack)


def test_the_tutorial_starts_and_stops_the_stack_as_the_tests_do() -> None:
    """Its first and its last command would be the ones that nobody runs."""
    assert shell("tutorial.md", "Start").splitlines()[-1] == "ragstream up --detach"
    assert shell("tutorial.md", "Stop").strip() == "ragstream down"
    assert "\ndemo:" in (ROOT / "Makefile").read_text("utf-8")
    assert shell("tutorial.md", "Install").strip() == "make demo"


@pytest.mark.usefixtures("as_found")
async def test_publishers_and_consumers_can_do_what_their_pages_say(
    folder: Path, stack: Stack
) -> None:
    """An upstream system would be written against commands that do something else."""
    assert '{"type":"' in do("for-publishers.md", "Ask", folder, stack)
    do("for-publishers.md", "Hand in documents", folder, stack)
    async with stack.client() as client:
        done = [state async for state in client.wait_ingested(["note-1", "paper-1"], timeout_s=60)]
    assert {(state.id, state.state, state.collection) for state in done} == {
        ("note-1", "ingested", "notes"),
        ("paper-1", "ingested", "notes"),
    }
    do("for-consumers.md", "Subscribe", folder, stack)
    entry = (folder / "entry").read_text("utf-8").splitlines()
    assert entry[0] == "rag:answers"
    assert json.loads(entry[3])["type"] == "answer"
    with stack.redis() as redis:
        assert redis.xpending("rag:answers", "reports")["pending"] == 0


@pytest.mark.parametrize("page", sorted(p.name for p in (ROOT / "docs").glob("for-*.md")))
def test_pages_for_users_lead_to_pages_that_are_there(page: str) -> None:
    """A short page is good for nothing where its links end nowhere."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    links = [part.split(")")[0].split("#")[0] for part in text.split("](")[1:]]
    assert links
    missing = [link for link in links if not (ROOT / "docs" / link).exists()]
    assert missing == [], os.fspath(page)
