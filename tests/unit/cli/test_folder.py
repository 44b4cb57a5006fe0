"""The data folder: made, refused, and closed to others."""

import os
import stat
from pathlib import Path

import pytest

from services.cli.folder import DataFolder, write_private
from shared.errors import DataFolderError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_prepared_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """Others on the machine could read documents and logs."""
    folder = DataFolder.at(tmp_path / "deep" / "data")
    folder.prepare()
    assert {mode(p) for p in (folder.path, folder.redis, folder.logs)} == {0o700}


@pytest.mark.parametrize("place", ["a file", "below a file", "/proc/ragstream"])
def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path, place: str) -> None:
    """The command would end in a traceback, or in a part that dies later.

    Tests run as root, whom permission bits do not stop: /proc, which nobody can write, stands
    for a folder without write permission.
    """
    (tmp_path / "file").touch()
    places = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "data"}
    with pytest.raises(DataFolderError, match="--data-dir"):
        DataFolder.at(places.get(place, Path(place))).prepare()


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not stop root")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    """A folder that exists but cannot be written would be found out too late."""
    (tmp_path / "data").mkdir(mode=0o500)
    with pytest.raises(DataFolderError, match="Permission denied"):
        DataFolder.at(tmp_path / "data").prepare()


def test_the_password_is_random_private_and_kept(tmp_path: Path) -> None:
    """Another user could read it, or a client that knows it would be locked out by a restart."""
    folder = DataFolder.at(tmp_path)
    made = folder.make_password()
    assert len(made) >= 32
    assert mode(folder.password) == 0o600
    assert folder.make_password() == made


def test_a_password_file_opened_to_others_is_closed_again(tmp_path: Path) -> None:
    """A copy made with a loose umask would stay readable."""
    folder = DataFolder.at(tmp_path)
    folder.make_password()
    folder.password.chmod(0o644)
    folder.make_password()
    assert mode(folder.password) == 0o600


def test_a_private_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """The password would be readable for the moment before a chmod."""
    before = os.umask(0)
    try:
        write_private(tmp_path / "secret", "x")
    finally:
        os.umask(before)
    assert mode(tmp_path / "secret") == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]
