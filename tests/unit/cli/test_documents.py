"""Which files are sent, and under which ids."""

import os
import re
import socket
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import documents
from shared.errors import DocumentTooLarge, UnreadableDocument
from shared.messages import Name


def names(found: list[documents.Source]) -> list[str]:
    return [source.path.name for source in found]


def quiet(_line: str) -> None:
    pass


def test_an_id_can_be_read_and_is_the_same_each_time() -> None:
    """Ingesting a file again would make a second document of it."""
    first = documents.document_id(Path("/x/Über Rarefaction, 2nd ed..pdf"), "c")
    assert re.fullmatch(r"uber-rarefaction-2nd-ed-[0-9a-f]{8}", first)
    assert first == documents.document_id(Path("/x/Über Rarefaction, 2nd ed..pdf"), "c")


def test_an_id_differs_by_collection_and_folder() -> None:
    """Two files of the same name would replace each other."""
    ids = {documents.document_id(Path(p), c) for p in ("/a/x.pdf", "/b/x.pdf") for c in "cd"}
    assert len(ids) == 4


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1))
def test_every_file_name_gives_an_id_that_messages_take(name: str) -> None:
    """A file with a strange name could not be ingested."""
    msgspec.convert(documents.document_id(Path("/x") / name, "c"), Name)


def test_a_folder_gives_its_readable_files_in_order(tmp_path: Path) -> None:
    """Programs and hidden files would be sent as documents."""
    for name in ("b.pdf", "a.TXT", "program.exe", ".hidden.txt", ".git/x.txt", "deep/c.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(documents.find([tmp_path], "c", quiet)) == ["a.TXT", "b.pdf", "c.md"]


def test_a_named_file_is_sent_whatever_its_type_and_once(tmp_path: Path) -> None:
    """The ingestor's own error would be replaced by silence."""
    (tmp_path / "x.exe").touch()
    (tmp_path / "a.txt").touch()
    found = documents.find([tmp_path / "x.exe", tmp_path, tmp_path / "a.txt"], "c", quiet)
    assert names(found) == ["x.exe", "a.txt"]


def test_links_out_of_the_folder_are_skipped_with_a_word(tmp_path: Path) -> None:
    """A link in a downloaded folder could send the user's private files."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.txt").touch()
    (inside / "real.txt").touch()
    (inside / "file.txt").symlink_to(outside / "secret.txt")
    (inside / "folder").symlink_to(outside)
    (inside / "near.txt").symlink_to(inside / "real.txt")
    said: list[str] = []
    found = documents.find([inside], "c", said.append)
    assert {source.path.resolve().name for source in found} == {"real.txt"}
    assert [line.split(":")[0] for line in said] == [
        f"skipped {inside / 'folder'}",
        f"skipped {inside / 'file.txt'}",
    ]


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """200 MB would be read and sent before anyone says that it is too much."""
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(200 * 2**20)
    with pytest.raises(DocumentTooLarge, match="209,715,200 bytes"):
        documents.read(documents.Source(large, "x"), 100 * 2**20)


def test_a_file_that_vanished_is_its_own_error(tmp_path: Path) -> None:
    """One file deleted meanwhile would end the ingestion of all others."""
    with pytest.raises(UnreadableDocument, match="No such file"):
        documents.read(documents.Source(tmp_path / "gone.txt", "x"), 100)


def test_pipes_devices_and_sockets_are_never_opened(tmp_path: Path) -> None:
    """Opening a pipe waits for ever, and opening a device can do things."""
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "null.txt").symlink_to("/dev/null")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket.txt"))
    listener.close()
    assert documents.find([tmp_path], "c", quiet) == []
    for name in ("pipe.txt", "null.txt", "socket.txt"):
        with pytest.raises(UnreadableDocument, match="no file"):
            documents.read(documents.Source(tmp_path / name, "x"), 100)


def test_a_pipe_that_takes_a_files_place_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write into the folder could stop the command between looking and opening."""
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "file.txt").touch()
    as_it_was = (tmp_path / "file.txt").stat()
    monkeypatch.setattr(Path, "stat", lambda _path: as_it_was)  # the moment cannot be had otherwise
    with pytest.raises(UnreadableDocument, match="no file"):
        documents.read(documents.Source(tmp_path / "pipe.txt", "x"), 100)


def test_a_file_that_grows_is_read_to_the_limit_alone() -> None:
    """A file that is written to without end would fill the memory."""
    with pytest.raises(DocumentTooLarge):
        documents.read(documents.Source(Path("/proc/self/smaps"), "x"), 10)  # says it has 0 bytes


def test_links_that_lead_in_circles_end(tmp_path: Path) -> None:
    """A folder that holds itself would be walked for ever."""
    (tmp_path / "a.txt").touch()
    (tmp_path / "self").symlink_to(tmp_path)
    (tmp_path / "one.txt").symlink_to(tmp_path / "two.txt")
    (tmp_path / "two.txt").symlink_to(tmp_path / "one.txt")
    deep = tmp_path / "deep"
    deep.mkdir()
    (deep / "up").symlink_to("..")
    assert names(documents.find([tmp_path], "c", quiet)) == ["a.txt"]


def test_a_chain_of_links_counts_by_its_end(tmp_path: Path) -> None:
    """A link to a link would lead out where a link alone may not."""
    inside, outside = tmp_path / "in", tmp_path / "out.txt"
    inside.mkdir()
    outside.touch()
    (inside / "b.txt").symlink_to(outside)
    (inside / "a.txt").symlink_to("b.txt")
    (inside / "c.txt").symlink_to("../in/../out.txt")
    said: list[str] = []
    assert documents.find([inside], "c", said.append) == []
    assert len(said) == 3


def test_a_file_that_may_not_be_read_is_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One folder without permission would end the ingestion of all others."""
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.txt").touch()

    look = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied")
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)  # permission bits do not stop root
    found = documents.find([tmp_path], "c", quiet)
    assert names(found) == ["a.txt", "b.txt"]
    with pytest.raises(UnreadableDocument, match="Permission denied"):
        documents.read(found[0], 100)
    assert documents.read(found[1], 100) == b""
