"""The journal on a disk that loses power."""

from pathlib import Path

import pytest

from services.cli import journal
from services.cli.journal import beside, load, opened
from services.cli.runs import Line
from shared.errors import RunError
from shared.messages import Answer
from tests.made_runs import answer_all, new_run


def lines() -> list[Line]:
    run = new_run()
    found: list[Line] = [run.begun, run.planned]
    for number, cell in enumerate(run.cells()):
        line = run.answered(
            f"{number + 5}-0", Answer(query_id=run.query(cell).id, status="answered", text="Ä\n")
        )
        assert line is not None
        found.append(line)
    return found


def test_what_was_appended_is_there(tmp_path: Path) -> None:
    """A run would forget what it had paid for."""
    path, whole = tmp_path / "a.csv.run.jsonl", lines()
    with opened(path) as first:
        assert first.lines == []
        first.append(whole[:2])
        first.append(whole[2:])
    with opened(path) as second:
        assert second.lines == whole


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_line_that_a_crash_cut_off_is_gone_and_no_more(tmp_path: Path, cut: int) -> None:
    """A crash within a write would make all of the journal unreadable."""
    path, whole = tmp_path / "j", lines()
    with opened(path) as first:
        first.append(whole)
    path.write_bytes(path.read_bytes()[:-cut])
    with opened(path) as second:
        assert second.lines == whole[:-1]
        second.append(whole[-1:])
    with opened(path) as third:
        assert third.lines == whole


def test_a_damaged_journal_is_said_and_kept(tmp_path: Path) -> None:
    """A run would be begun anew over what another program wrote."""
    path = tmp_path / "j"
    path.write_bytes(b'{"type":"begun"}\nnot ours\n')
    with pytest.raises(RunError, match="is damaged, or no journal"), opened(path):
        pass
    assert path.read_bytes().endswith(b"not ours\n")


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    """Two starts of one run would mix their lines."""
    path = tmp_path / "j"
    with opened(path), pytest.raises(RunError, match="another `ragstream batch`"), opened(path):
        pass
    with opened(path):
        pass


def test_a_run_is_found_by_its_answers_or_its_journal(tmp_path: Path) -> None:
    """`report answers.csv` would find nothing."""
    out = tmp_path / "answers.csv"
    with opened(beside(out)) as written:
        written.append(lines())
    for path in (out, beside(out)):
        assert len(load(path).answers) == 4
    with pytest.raises(RunError, match="no run there"):
        load(tmp_path / "other.csv")
    beside(tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(RunError, match="is no journal of a run"):
        load(tmp_path / "empty.csv")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """A crash would leave half a file where a whole one was."""
    path = tmp_path / "out.csv"
    path.write_text("before")

    def torn() -> list[bytes]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        journal.replace(path, (one for one in torn()))
    assert path.read_text() == "before"
    journal.replace(path, [b"af", b"ter"])
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(RunError, match="cannot be written"):
        journal.replace(tmp_path / "no" / "out.csv", [b""])


def test_a_full_run_round_trips(tmp_path: Path) -> None:
    """An Answer would come back from the disk without its evidence."""
    run = answer_all(
        new_run(), lambda _, cell: Answer(query_id=cell.key, status="abstained", support=0.5)
    )
    assert all(answer.support == 0.5 for answer in run.answers.values())
    assert beside(tmp_path / "a.csv").name == "a.csv.run.jsonl"
