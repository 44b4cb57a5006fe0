"""Runs compared: what is labelled, what is shared, what is said."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from sklearn.metrics import cohen_kappa_score

from services.cli.compare import LABELS, agreements, labelled, of_words
from services.cli.journal import beside, opened
from services.cli.main import cli
from services.cli.runs import Cell, Run
from shared.messages import Answer, Status
from tests.made_runs import answer_all, new_run

STATUSES: tuple[Status, ...] = ("answered", "abstained", "failed")


def rated(seed: int, documents: int = 12) -> Run:
    """A run whose statuses follow no pattern."""
    run = new_run(3, documents, name=f"run-{seed}")
    return answer_all(
        run, lambda n, cell: answer(run, cell, STATUSES[(n * n * seed + n // 3) % 7 % 3])
    )


def answer(run: Run, cell: Cell, status: Status, text: str = "") -> Answer:
    return Answer(query_id=run.query(cell).id, status=status, text=text)


def saved(run: Run, path: Path) -> str:
    with opened(beside(path)) as written:
        lines = [run.answered(f"{n + 1}-0", one) for n, one in enumerate(run.answers.values())]
        written.append([run.begun, run.planned, *(line for line in lines if line)])
    return str(path)


def run_command(*words: str) -> Result:
    return CliRunner().invoke(cli, ["compare", *words])


def test_kappa_per_question_is_that_of_scikit_learn() -> None:
    """Labels of one question would be counted for another, or documents be mixed up."""
    runs = [rated(2), rated(5)]
    cells, labels = labelled(runs, LABELS["status"])
    found = {one.question_id: one for one in agreements(["a", "b"], cells, labels)}
    assert set(found) == {"Q1", "Q2", "Q3", None}
    for question_id, one in found.items():
        ours = [
            [
                run.answers[cell.key].status
                for cell in cells
                if question_id in (cell.question.id, None)
            ]
            for run in runs
        ]
        assert one.places == len(ours[0])
        assert one.kappa == pytest.approx(cohen_kappa_score(*ours))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Yes [1].", "yes"),
        ("No, it does not.", "no"),
        ("Not at all.", "not at all"),
        ("ImageNet [1], and  CIFAR-10! [2]", "imagenet and cifar 10"),
        ("“ImageNet and CIFAR-10”", "imagenet and cifar 10"),
    ],
)
def test_small_things_are_taken_from_words(text: str, label: str) -> None:
    """Two runs that say the same would differ by a full stop."""
    assert of_words(Answer(query_id="q", status="answered", text=text)) == label


def test_an_abstention_is_a_label_of_its_own() -> None:
    """Two runs that know nothing would disagree by how they say so."""
    found = Answer(query_id="q", status="abstained", text="I don't know.")
    assert of_words(found) == of_words(replace(found, text="No idea.")) == "(abstained)"


def test_only_what_all_runs_have_is_compared() -> None:
    """A cell that one run has not reached would count as a disagreement."""
    short, long = rated(2, documents=4), rated(5, documents=9)
    cells, labels = labelled([long, short], LABELS["status"])
    assert len(cells) == 12
    assert [len(one) for one in labels] == [12, 12]


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    """A researcher could not see where two models differ."""
    paths = [saved(rated(seed), tmp_path / f"{seed}.csv") for seed in (2, 5, 3)]
    out = tmp_path / "votes.csv"
    result = run_command(*paths, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert result.stdout.count("agreement      kappa") == 3
    assert "vote of 3:" in result.stdout
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    for row in rows:
        votes = [row[path] for path in paths]
        most = max(votes, key=votes.count)
        assert row["majority"] == (most if votes.count(most) > 1 else "")
    told = json.loads(run_command(*paths[:2], "--json").stdout)
    assert len(told["agreements"]) == 4
    assert told["votes"] == []


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    """A mistyped name would end in a traceback, or in a kappa of nothing."""
    path = saved(rated(2), tmp_path / "a.csv")
    assert run_command(path).exit_code == 2
    assert run_command(path, str(tmp_path / "b.csv")).exit_code == 11
    other = saved(new_run(1, 1), tmp_path / "c.csv")
    result = run_command(path, other)
    assert (result.exit_code, "share no question" in result.stderr) == (11, True)
