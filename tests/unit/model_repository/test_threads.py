"""How many threads a graph's run gets."""

from pathlib import Path

import embedder_session
import generator_session
import pytest


@pytest.mark.parametrize(("quota", "cores"), [("100000 100000", 1), ("50000 100000", 1)])
def test_a_containers_quota_bounds_the_threads(tmp_path: Path, quota: str, cores: int) -> None:
    """Otherwise a small container on a large node would drown in threads."""
    (tmp_path / "cpu.max").write_text(quota)
    assert generator_session.cores(tmp_path / "cpu.max") == cores


def test_no_quota_leaves_every_core(tmp_path: Path) -> None:
    """Otherwise a machine without cgroups would not start."""
    (tmp_path / "cpu.max").write_text("max 100000")
    every = generator_session.cores(tmp_path / "missing")
    assert generator_session.cores(tmp_path / "cpu.max") == every >= 1


def test_both_models_open_sessions_alike() -> None:
    """Otherwise a fix in one copy would be missing from the other."""
    sources = [Path(str(m.__file__)).read_text() for m in (embedder_session, generator_session)]
    code = [source.partition("import os")[2] for source in sources]
    assert code[0] == code[1]
