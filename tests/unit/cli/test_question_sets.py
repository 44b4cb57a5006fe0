"""Question sets in the forms that people have them in."""

from pathlib import Path

import pytest

from services.cli.question_sets import Question, read
from shared.errors import RunError


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.txt", "Why?\n\n  How   many? \r\nWhy?\n"),
        ("q.csv", "question\nWhy?\nHow many?\n"),
        ("q.csv", "Why?\nHow many?\n"),
        ("Q.CSV", "\ufeffid,Question\n,Why?\n,How many?\n\n"),
        ("q.jsonl", '{"question": "Why?"}\n\n{"question": "How many?", "more": 1}\n'),
    ],
)
def test_one_set_in_every_form(tmp_path: Path, name: str, content: str) -> None:
    """A researcher's set would be read differently after a spreadsheet has saved it."""
    expected = (Question(id="1", text="Why?"), Question(id="2", text="How many?"))
    assert read(written(tmp_path, name, content)) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.csv", 'id,notes,question\nCQ7,x,"Why, so?"\n'),
        ("q.jsonl", '{"id": "CQ7", "question": "Why, so?"}'),
    ],
)
def test_ids_are_kept(tmp_path: Path, name: str, content: str) -> None:
    """Results could not be joined with what is known of the questions."""
    assert read(written(tmp_path, name, content)) == (Question(id="CQ7", text="Why, so?"),)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("q.md", "Why?", "ends in .txt, .csv, .jsonl"),
        ("q.txt", " \n\n", "no question in it"),
        ("q.csv", "id,text\n1,Why?\n", "names no column `question`"),
        ("q.csv", "id,question\n1,Why?\n1,How?\n", "the id 1 names two questions"),
        ("q.csv", "id,question\n2,Why?\n,How?\n", "the id 2 names two questions"),
        ("q.jsonl", '{"question": "Why?"}\n{"text": "How?"}', "line 2 is no"),
        ("q.jsonl", "Why?", "line 1 is no"),
    ],
)
def test_what_is_no_question_set_is_said(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    """A day later all answers would be to nothing, or two questions be taken for one."""
    with pytest.raises(RunError, match=said):
        read(written(tmp_path, name, content))


def test_bytes_that_are_no_text_are_said(tmp_path: Path) -> None:
    """A file of another encoding would end in a traceback."""
    path = tmp_path / "q.txt"
    path.write_bytes(b"caf\xe9?\n")
    with pytest.raises(RunError, match="cannot be read"):
        read(path)
