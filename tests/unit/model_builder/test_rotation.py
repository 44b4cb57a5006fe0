"""A rotated decoder computes what it computed before."""

from pathlib import Path

import numpy as np
import pytest
from decoder import Decoder

from services.model_builder.decoder_graph import write_decoder
from services.model_builder.hf_decoder import open_folder
from services.model_builder.recipes import convert_folder
from services.model_builder.rotation import rotated, rotation
from tests.tiny_decoders import DECODERS, write_folder
from tests.unit.model_builder.test_precision import IDS, distance


@pytest.mark.parametrize("size", [1, 9, 64, 96, 576])
def test_a_rotation_keeps_lengths_and_spreads(size: int) -> None:
    """The decoder would compute something else, or one channel would still stand out."""
    matrix = rotation(size)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-5)
    odd = size // (size & -size)
    assert np.abs(matrix).max() <= np.sqrt(min(2, odd) / size) + 1e-6


@pytest.mark.parametrize(
    "name", ["llama, own head, llama3 rope", "qwen2, biases, tied", "qwen2, own head, yarn"]
)
def test_a_rotated_decoder_computes_the_same(tmp_path: Path, name: str) -> None:
    """A norm, a bias or a tied head left behind would pass for the cost of eight bits."""
    decoder = DECODERS[name]
    folder = write_folder(tmp_path / "own", decoder)
    convert_folder(folder, tmp_path)
    source = open_folder(folder)
    write_decoder(tmp_path, *rotated(source.shape, source.weights), "fp32")
    runner = Decoder(tmp_path, threads=1)
    found = runner.run(np.array([IDS]), [len(IDS)], runner.growing_cache())[0]
    assert distance(found, decoder.reference().logits(IDS)[-1]) < 1e-5
