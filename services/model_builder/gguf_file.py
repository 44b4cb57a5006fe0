"""Reads GGUF files: metadata as plain Python values, tensors dequantized to float32."""

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, dequantize
from numpy.typing import NDArray

from shared.errors import ModelBuildError


class GgufFile:
    """An open GGUF file.

    Args:
        path: the file; its tensors are mapped, not read, until asked for.

    Raises:
        ModelBuildError: it is no GGUF file.
    """

    def __init__(self, path: Path) -> None:
        try:
            reader = GGUFReader(path)
        except (ValueError, OSError, IndexError) as exc:
            raise ModelBuildError(
                f"{path} cannot be read as GGUF: it may be cut short ({exc})"
            ) from exc
        self._fields = reader.fields
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        self._unread = set(self._tensors)
        self._values: dict[str, Any] = {}  # a vocabulary takes seconds to read

    def get(self, key: str, default: Any = None) -> Any:
        """A metadata value, or the default if the file does not have it."""
        if key not in self._fields:
            return default
        if key not in self._values:
            self._values[key] = self._fields[key].contents()
        return self._values[key]

    def need(self, key: str) -> Any:
        """A metadata value that must be there.

        Raises:
            ModelBuildError: it is not.
        """
        if key not in self._fields:
            raise ModelBuildError(f"the GGUF file has no {key}")
        return self.get(key)

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        return name in self._tensors

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor as float32, in numpy's order: a linear layer is [out, in].

        Raises:
            ModelBuildError: there is no such tensor, or its quantization is unknown.
        """
        if name not in self._tensors:
            raise ModelBuildError(f"the GGUF file has no tensor {name}")
        tensor = self._tensors[name]
        self._unread.discard(name)
        try:
            return dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        except NotImplementedError as exc:
            kind = tensor.tensor_type.name
            raise ModelBuildError(f"tensor {name}: quantization {kind} is not supported") from exc

    def refuse_unread(self) -> None:
        """Make sure that nothing in the file was left out of the graph.

        A tensor that was never asked for is a feature of the model that the graph lacks, so the
        graph would answer wrongly and in silence.

        Raises:
            ModelBuildError: names such tensors.
        """
        if self._unread:
            some = ", ".join(sorted(self._unread)[:3])
            raise ModelBuildError(f"{len(self._unread)} tensors are not supported, such as {some}")
