"""The grader's trained weights in eight bits: written by training, read by the builder."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from services.model_builder.quantize import quantize_rows

VALUES, SCALES = ".int8", ".scales"


def write_trained(path: Path, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Write tensors: matrices as int8 with a scale a row, vectors as they are.

    Args:
        path: the safetensors file.
        tensors: float32.
    """
    stored: dict[str, NDArray[np.generic]] = {}
    for name, tensor in tensors.items():
        if tensor.ndim == 1:
            stored[name] = tensor
        else:
            stored[name + VALUES], stored[name + SCALES] = quantize_rows(tensor)
    save_file(stored, path)


def read_trained(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of a file that `write_trained` wrote, float32.

    Raises:
        KeyError: a matrix lacks its scales.
    """
    stored = load_file(path)
    found: dict[str, NDArray[np.float32]] = {}
    for name, tensor in stored.items():
        if name.endswith(VALUES):
            scales = stored[name.removesuffix(VALUES) + SCALES]
            found[name.removesuffix(VALUES)] = tensor.astype(np.float32) * scales[:, None]
        elif not name.endswith(SCALES):
            found[name] = tensor
    return found
