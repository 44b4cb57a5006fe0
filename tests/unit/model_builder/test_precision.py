"""Weights of fewer bits stay as near to the original as their kind allows, and are read as such."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from decoder import Decoder
from gguf import GGMLQuantizationType, quants
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from services.model_builder.info import Precision
from services.model_builder.precision import BLOCK, NUMBERS
from services.model_builder.quantize import dequantize, quantize
from services.model_builder.recipes import convert_folder
from tests.tiny_decoders import DECODERS, write_folder

IDS = [5, 70, 9, 33, 120, 64, 7, 3, 200, 11, 12]
VALUES = st.floats(-8, 8, width=32)


@pytest.mark.parametrize("floats", [np.float32, np.float16])
@pytest.mark.parametrize(("bits", "steps"), [(8, 254), (4, 15)])
@given(weight=arrays.arrays(np.float32, (3, 70), elements=VALUES))
def test_each_value_is_within_a_step(
    bits: int, steps: int, floats: type[np.float32], weight: NDArray[np.float32]
) -> None:
    """Rounding would cost more than its bits, and a width that fills no block would be misread."""
    rounded = dequantize(quantize(weight, bits, BLOCK, floats), bits, weight.shape[1])
    step = 2 * np.abs(weight).max() / steps
    assert np.abs(rounded - weight).max() <= step + 1e-4


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1"])
def test_four_bits_of_gguf_stay_what_they_were(kind: str) -> None:
    """A model of four bits would be rounded twice, and lose most by the second time."""
    quantization = GGMLQuantizationType[kind]
    weight = np.random.default_rng(1).normal(0, 0.3, (8, 64)).astype(np.float32)
    weight = quants.dequantize(quants.quantize(weight, quantization), quantization)
    rounded = dequantize(quantize(weight, 4, BLOCK, np.float16), 4, 64)
    np.testing.assert_allclose(rounded, weight, atol=2e-3)


def distance(found: NDArray[np.float32], known: NDArray[np.float64]) -> float:
    """Length of the difference, as a share of what is known; int8 rounds activations, too."""
    return float(np.linalg.norm(found - known) / np.linalg.norm(known))


def as_computed(
    tensors: dict[str, NDArray[np.float32]], precision: Precision
) -> dict[str, NDArray[np.float32]]:
    """The weights that a graph computes with."""
    numbers = NUMBERS[precision]

    def rounded(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        bits = numbers.head_bits if name == "lm_head.weight" else numbers.bits
        if bits is None or values.ndim == 1 or "embed_tokens" in name:
            return values.astype(numbers.floats).astype(np.float32)
        return dequantize(quantize(values, bits, BLOCK, numbers.floats), bits, values.shape[1])

    return {name: rounded(name, values) for name, values in tensors.items()}


@pytest.mark.parametrize("name", ["llama, own head, llama3 rope", "qwen2, own head, yarn"])
@pytest.mark.parametrize(
    ("precision", "within"), [("fp32", 1e-5), ("int8", 0.15), ("fp16", 0.02), ("int4", 0.02)]
)
def test_the_graph_computes_with_the_rounded_weights(
    tmp_path: Path, name: str, precision: Precision, within: float
) -> None:
    """Nibbles in the wrong order, or a lost bias, would pass for the cost of few bits."""
    decoder = DECODERS[name]
    convert_folder(write_folder(tmp_path / "own", decoder), tmp_path, precision=precision)
    runner = Decoder(tmp_path, threads=1)
    found = runner.run(np.array([IDS]), [len(IDS)], runner.growing_cache())[0]
    whole = decoder.reference(as_computed(decoder.tensors(), precision))
    assert distance(found, whole.logits(IDS)[-1]) < within


@pytest.mark.parametrize("precision", ["int8", "fp16", "int4"])
def test_a_tied_head_is_rounded_as_any(tmp_path: Path, precision: Precision) -> None:
    """A model that scores with its embeddings would lack a head."""
    decoder = DECODERS["qwen2, biases, tied"]
    convert_folder(write_folder(tmp_path / "own", decoder), tmp_path, precision=precision)
    runner = Decoder(tmp_path, threads=1)
    found = runner.run(np.array([IDS]), [len(IDS)], runner.growing_cache())[0]
    tensors = decoder.tensors()
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    whole = replace(decoder, tied=False).reference(as_computed(tensors, precision))
    assert distance(found, whole.logits(IDS)[-1]) < 0.15


@pytest.mark.parametrize(
    ("precision", "cache"),
    [("fp32", "float32"), ("int8", "float32"), ("fp16", "float16"), ("int4", "float16")],
)
def test_the_model_says_its_precision(tmp_path: Path, precision: Precision, cache: str) -> None:
    """The generator would allot caches of another type than the graph's."""
    folder = write_folder(tmp_path / "own", DECODERS["llama"])
    convert_folder(folder, tmp_path, precision=precision)
    info = json.loads((tmp_path / "model.json").read_text())
    assert (info["precision"], info["cache_dtype"]) == (precision, cache)
