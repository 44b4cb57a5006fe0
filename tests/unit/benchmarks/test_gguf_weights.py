"""The peer's weights: the product's own values, in another encoding."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from benchmarks.peers.gguf_weights import Precision, requantize
from services.model_builder.gguf_file import GgufFile
from tests.tiny_models import write_gguf


@pytest.mark.parametrize(("precision", "error"), [("F32", 0.0), ("Q8_0", 1 / 127)])
def test_values_are_the_same(tmp_path: Path, precision: Precision, error: float) -> None:
    """The two systems would run different models."""
    source = write_gguf(tmp_path / "source.gguf")
    requantize(source, tmp_path / "target.gguf", precision)
    before, after = GgufFile(source), GgufFile(tmp_path / "target.gguf")
    for name in ("token_embd.weight", "blk.0.attn_q.weight", "blk.1.ffn_down.weight"):
        wanted = before.tensor(name)
        np.testing.assert_allclose(after.tensor(name), wanted, atol=error * np.abs(wanted).max())


def test_norms_stay_exact(tmp_path: Path) -> None:
    """Our int8 rounds matrices alone: the peer would lose more than ours."""
    source = write_gguf(tmp_path / "source.gguf")
    requantize(source, tmp_path / "target.gguf", "Q8_0")
    kinds = {one.name: one.tensor_type for one in gguf.GGUFReader(tmp_path / "target.gguf").tensors}
    assert kinds["blk.0.attn_norm.weight"] == gguf.GGMLQuantizationType.F32
    assert kinds["blk.0.attn_q.weight"] == gguf.GGMLQuantizationType.Q8_0


def test_metadata_is_kept(tmp_path: Path) -> None:
    """The peer would tokenize otherwise, or rotate by another base."""
    source = write_gguf(tmp_path / "source.gguf")
    requantize(source, tmp_path / "target.gguf", "F32")
    before, after = (gguf.GGUFReader(tmp_path / f"{name}.gguf") for name in ("source", "target"))
    kept = {name for name in before.fields if not name.startswith("GGUF.")}
    assert kept <= set(after.fields)
    for name in kept:
        assert after.fields[name].contents() == before.fields[name].contents()
