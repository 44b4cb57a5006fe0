"""Attention caches of running sequences, as ONNX Runtime reads and writes them.

Both kinds belong to one IO binding, on which the graph's cache inputs and outputs stay bound
between runs.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort


@dataclass(frozen=True, kw_only=True)
class CacheShape:
    """Shape of one layer's keys (or values), which is [sequences, kv_heads, tokens, head_dim].

    Attributes:
        layers: number of layers that have a cache.
        kv_heads: of each layer.
        head_dim: width of a head.
        dtype: numpy's name of the element type.
    """

    layers: int
    kv_heads: int
    head_dim: int
    dtype: str

    def names(self) -> list[tuple[str, str]]:
        """Input and output names, layer by layer."""
        parts = [f"{layer}.{part}" for layer in range(self.layers) for part in ("key", "value")]
        return [(f"past_key_values.{part}", f"present.{part}") for part in parts]

    def of(self, sequences: int, tokens: int) -> list[int]:
        """The shape for so many sequences and tokens."""
        return [sequences, self.kv_heads, tokens, self.head_dim]


class Cache(Protocol):
    """The cache of one or more sequences that run together."""

    binding: Any
    capacity: int

    def took(self) -> None:
        """Called after each run, with the outputs in the binding."""


class SharedCache:
    """One buffer a layer that the graph appends to in place.

    Args:
        session: the graph's.
        shape: of the cache.
        device: `cpu` or `cuda`.
        sequences: rows of the buffers.
        capacity: tokens that each row can hold.
        buffers: another cache's, to show some rows of; None for buffers of its own.
        first: the first of those rows.
    """

    def __init__(
        self,
        session: Any,
        shape: CacheShape,
        device: str,
        sequences: int,
        capacity: int,
        *,
        buffers: list[Any] | None = None,
        first: int = 0,
    ) -> None:
        self.capacity = capacity
        self.binding = session.io_binding()
        self._made_of = (session, shape, device)
        dims, dtype = shape.of(sequences, capacity), np.dtype(shape.dtype)
        self._buffers = buffers or [_buffer(device, dims, shape.dtype) for _ in shape.names()]
        offset = first * int(np.prod(dims[1:])) * dtype.itemsize
        for (past, present), buffer in zip(shape.names(), self._buffers, strict=True):
            place = (device, 0, dtype, dims, buffer.data_ptr() + offset)
            self.binding.bind_input(past, *place)
            self.binding.bind_output(present, *place)

    def rows(self, start: int, stop: int) -> "SharedCache":
        """The same buffers, seen as rows `start` to `stop` alone."""
        session, shape, device = self._made_of
        count = stop - start
        return SharedCache(
            session, shape, device, count, self.capacity, buffers=self._buffers, first=start
        )

    def took(self) -> None:
        """Nothing: the graph wrote into the buffers themselves."""


class GrowingCache:
    """What the graph returned last, fed to its next run; for graphs that cannot append in place.

    Args:
        session: the graph's.
        shape: of the cache.
        device: `cpu` or `cuda`.
        sequences: how many, all of one length.
        capacity: tokens that each may grow to.
    """

    def __init__(
        self,
        session: Any,
        shape: CacheShape,
        device: str,
        sequences: int,
        capacity: int,
    ) -> None:
        self.binding = session.io_binding()
        self.capacity = capacity
        self._names = shape.names()
        self._device = device
        empty = np.zeros(shape.of(sequences, 0), shape.dtype)
        self._bind([ort.OrtValue.ortvalue_from_numpy(empty, device) for _ in self._names])

    def took(self) -> None:
        """Make the run's outputs the next run's inputs."""
        returned = self.binding.get_outputs()
        self.binding.clear_binding_outputs()
        self._bind(returned[: len(self._names)])

    def _bind(self, values: list[Any]) -> None:
        for (past, present), value in zip(self._names, values, strict=True):
            self.binding.bind_ortvalue_input(past, value)
            self.binding.bind_output(present, self._device)


def _buffer(device: str, shape: list[int], dtype: str) -> Any:
    """Memory for a cache. On a CPU the system hands out its pages only as they are written."""
    if device == "cpu":
        return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype))
    return ort.OrtValue.ortvalue_from_shape_and_type(shape, np.dtype(dtype), device, 0)
