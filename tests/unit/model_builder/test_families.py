"""Each family, from each kind of file, gives the scores of a decoder written from the formulas."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from decoder import Decoder
from gguf import GGMLQuantizationType, GGUFWriter, quants
from numpy.typing import NDArray
from rows import new_rows

from services.model_builder.gguf_file import GgufFile
from services.model_builder.recipes import convert_folder, convert_gguf
from tests.tiny_decoders import DECODERS, TinyDecoder, gguf_name, write_folder, write_gguf

IDS = [5, 70, 9, 33, 120, 64, 7, 3, 200, 11, 12, 13, 14, 15, 16, 17, 18, 40, 41, 42]
WITHIN = 1e-4  # float32 against float64, of scores up to 10
KINDS = ("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
SUPER_BLOCKS = ("Q4_K", "Q5_K", "Q6_K")


def scores(folder: Path) -> NDArray[np.float32]:
    """What a built model says after the tokens, the last four of them given one by one."""
    decoder = Decoder(folder, threads=1)
    rows = new_rows(decoder, 1, 32)
    rows.start(0, IDS[:-4], 0).finish()
    for held in range(len(IDS) - 4, len(IDS)):
        found = rows.decode({0: IDS[held]}, {0: held})[0]
    return found


def from_folder(tmp_path: Path, decoder: TinyDecoder) -> None:
    convert_folder(write_folder(tmp_path / "own", decoder), tmp_path)


def from_gguf(tmp_path: Path, decoder: TinyDecoder) -> None:
    convert_gguf(write_gguf(tmp_path / "m.gguf", decoder), tmp_path)


IN_FOLDERS = [(name, from_folder) for name in DECODERS]
# the architecture that GGUF files of Mistral's models name knows no window
IN_GGUF = [(name, from_gguf) for name, decoder in DECODERS.items() if decoder.window is None]


@pytest.mark.parametrize(("name", "convert"), IN_FOLDERS + IN_GGUF)
def test_the_graph_gives_the_scores_of_the_formulas(
    tmp_path: Path, name: str, convert: Callable[[Path, TinyDecoder], None]
) -> None:
    """The model would write something else than its makers taught it."""
    decoder = DECODERS[name]
    convert(tmp_path, decoder)
    np.testing.assert_allclose(scores(tmp_path), decoder.reference().logits(IDS)[-1], atol=WITHIN)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_halves_and_several_files_are_read(tmp_path: Path, dtype: Any) -> None:
    """Most published weights could not be used."""
    decoder = DECODERS["qwen2, biases, tied"]
    rounded = {name: t.astype(dtype).astype(np.float32) for name, t in decoder.tensors().items()}
    convert_folder(write_folder(tmp_path / "own", decoder, dtype=dtype, files=3), tmp_path)
    expected = decoder.reference(rounded).logits(IDS)[-1]
    np.testing.assert_allclose(scores(tmp_path), expected, atol=WITHIN)


@pytest.mark.parametrize("kind", KINDS)
def test_quantized_files_are_read(tmp_path: Path, kind: str) -> None:
    """The bytes of blocks would be taken for something else."""
    decoder, quantization = DECODERS["qwen2, biases, tied"], GGMLQuantizationType[kind]
    read = {
        name: quants.dequantize(quants.quantize(values, quantization), quantization)
        if values.ndim == 2
        else values
        for name, values in decoder.tensors().items()
    }
    convert_gguf(write_gguf(tmp_path / "m.gguf", decoder, kind=quantization), tmp_path)
    expected = decoder.reference(read).logits(IDS)[-1]
    np.testing.assert_allclose(scores(tmp_path), expected, atol=WITHIN)


@pytest.mark.parametrize("kind", SUPER_BLOCKS)
def test_blocks_of_blocks_are_read(tmp_path: Path, kind: str) -> None:
    """The files that most people download could not be used."""
    quantization = GGMLQuantizationType[kind]
    random = np.random.default_rng(1)
    raw = random.integers(0, 64, quants.quant_shape_to_byte_shape((2, 512), quantization), np.uint8)
    writer = GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_tensor("x", raw, raw_dtype=quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = GgufFile(tmp_path / "m.gguf").tensor("x")
    assert found.shape == (2, 512)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, quants.dequantize(raw, quantization))


def test_names_of_tensors_are_translated_both_ways() -> None:
    """A test that writes and reads with the same mistake would see none."""
    assert gguf_name("model.layers.1.mlp.down_proj.weight") == "blk.1.ffn_down.weight"
    assert gguf_name("lm_head.weight") == "output.weight"
