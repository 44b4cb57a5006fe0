"""How the wheel's Triton is prepared and started."""

import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from services.cli import triton
from shared.errors import SetupError


def test_preparing_twice_copies_once(tmp_path: Path) -> None:
    """Otherwise each start would copy the server, or run without its run bits."""
    triton.prepare(tmp_path)
    programs = [tmp_path / "tritonserver", tmp_path / "backends" / "python" / triton.STUB]
    times = [path.stat().st_mtime_ns for path in programs]
    triton.prepare(tmp_path)
    assert times == [path.stat().st_mtime_ns for path in programs]
    assert all(os.access(path, os.X_OK) for path in programs)


def test_the_server_is_for_this_machine_and_these_models_alone(tmp_path: Path) -> None:
    """Otherwise strangers could reach it, or it would load a model nobody asked for."""
    argv, environment = triton.command(
        tmp_path, tmp_path / "models", http_port=1, grpc_port=2, metrics_port=3
    )
    assert argv[0] == str(tmp_path / "tritonserver")
    addresses = [argument for argument in argv if "-address=" in argument]
    assert len(addresses) == 3
    assert all(address.endswith("=127.0.0.1") for address in addresses)
    assert [a for a in argv if "load-model" in a] == [
        "--load-model=embedder",
        "--load-model=grader",
        "--load-model=generator",
    ]
    assert "--strict-readiness=true" in argv
    first = environment["PATH"].split(os.pathsep)[0]
    assert first == str(Path(sys.executable).parent)


def test_numpy_2_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise Triton would return empty tensors without an error."""
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda n: "2.3.1" if n == "numpy" else real(n))
    with pytest.raises(SetupError, match=r"numpy 2\.3\.1"):
        triton.prepare(tmp_path)
