"""Addresses: which are fetched at all, and which documents they name."""

import re
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import places, remote
from services.cli.remote import FetchSettings
from shared.errors import SettingsError

ALL = FetchSettings(schemes="https,s3,gs")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://example.org/a.pdf", "https:// is off: RAGSTREAM_FETCH_SCHEMES=s3,https"),
        ("http://example.org/a.pdf", "http:// is not fetched"),
        ("file:///etc/passwd", "file:// is not fetched"),
        ("s3://key:secret@bucket/a.pdf", "a password in it"),
    ],
)
def test_what_is_not_allowed_is_refused(url: str, says: str) -> None:
    """Whoever can hand in an address could make this machine read anything for them."""
    with pytest.raises(SettingsError, match=re.escape(says)):
        remote.find(url, "c", FetchSettings(schemes="s3"))


@given(st.ip_addresses())
def test_no_private_address_is_public(address: Any) -> None:
    """A redirect could lead to the services of the machine's own network."""
    public = remote.is_public(str(address))
    assert not (public and (address.is_private or address.is_loopback or address.is_link_local))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "::ffff:10.0.0.1",
        "fe80::1%eth0",
    ],
)
def test_these_are_private(address: str) -> None:
    """The metadata of a cloud's machine, with its keys, would be a document."""
    assert not remote.is_public(address)


def test_an_address_has_the_same_readable_id_each_time() -> None:
    """Ingesting it again would make a second document of it."""
    [one] = remote.find("https://example.org/x/The%20Oak.pdf?v=2", "c", ALL)
    [again] = remote.find("https://example.org/x/The%20Oak.pdf?v=2", "c", ALL)
    [other] = remote.find("https://example.org/y/The%20Oak.pdf", "c", ALL)
    assert re.fullmatch(r"the-oak-[0-9a-f]{8}", one.document_id)
    assert one == again
    assert (one.name, one.document_id != other.document_id) == ("The Oak.pdf", True)


@pytest.mark.parametrize("url", ["s3://bucket/", "s3://bucket/**/*.pdf", "s3://bucket/*/*"])
def test_a_store_gives_the_documents_below(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket of papers would have to be named one by one, or its other files be sent, too."""
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    for name in ("/bucket/a/x.pdf", "/bucket/a/program.exe", "/bucket/b/y.pdf"):
        memory.pipe_file(name, b"%PDF")
    monkeypatch.setattr(remote, "_store", lambda _scheme: _Bucket(memory))
    found = remote.find(url, "c", ALL)
    assert [one.url for one in found] == ["s3://bucket/a/x.pdf", "s3://bucket/b/y.pdf"]


class _Bucket:
    """A store in memory, which names its files as s3 does: without the scheme."""

    def __init__(self, memory: Any) -> None:
        self._memory = memory

    def glob(self, url: str) -> list[str]:
        return [one.lstrip("/") for one in self._memory.glob(url.removeprefix("s3:/"))]

    def find(self, url: str) -> list[str]:
        return [one.lstrip("/") for one in self._memory.find(url.removeprefix("s3:/"))]


def test_a_list_of_places_is_read_line_by_line(tmp_path: Any) -> None:
    """A file of addresses would have to become a command line."""
    (tmp_path / "a.txt").touch()
    given = ["# mine\n", "\n", f"{tmp_path}/*.txt\n", "https://example.org/a.pdf\n"]
    assert list(places.lines(given)) == [(tmp_path / "a.txt",), "https://example.org/a.pdf"]
