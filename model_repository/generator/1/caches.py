"""Attention caches of running sequences, as ONNX Runtime reads and writes them."""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

PAST, PRESENT = "past_key_values.", "present."  # what a cache's inputs and outputs begin with


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
        return [(PAST + part, PRESENT + part) for part in parts]

    def of(self, sequences: int, tokens: int) -> list[int]:
        """The shape for so many sequences and tokens."""
        return [sequences, self.kv_heads, tokens, self.head_dim]

    def token_bytes(self) -> int:
        """Bytes that one token takes in all layers."""
        return 2 * self.layers * int(np.prod(self.of(1, 1))) * np.dtype(self.dtype).itemsize


class Cache(Protocol):
    """The cache of one or more sequences that run together.

    Its IO bindings keep the graphs' cache inputs and outputs bound between runs.
    """

    @property
    def runs(self) -> Sequence[tuple[Any, Any]]:
        """The graphs' sessions in order, each with its binding."""

    def took(self) -> None:
        """Called after each run, with the outputs in the bindings."""


class SharedCache:
    """Buffers of each layer that the graphs append to in place; sequences are their rows.

    On a CPU the system hands out a row's memory only as it is written, and takes it back on
    `release`: so a row may be as long as the model's context, at no cost before it is used.

    Args:
        shape: of the cache.
        device: `cpu` or `cuda`.
        sequences: rows of the buffers.
        capacity: tokens that each row can hold.
    """

    def __init__(
        self,
        shape: CacheShape,
        device: str,
        sequences: int,
        capacity: int,
    ) -> None:
        self._shape, self._device = shape, device
        self._dtype = np.dtype(shape.dtype)
        self._capacity = capacity
        self._views: dict[tuple[int, int, int], View] = {}
        dims = shape.of(sequences, capacity)
        self._maps: list[mmap.mmap] = []
        self._buffers: list[Any] = [self._buffer(dims) for _ in shape.names()]

    @property
    def on_host(self) -> bool:
        """Whether this process can read and write the rows itself."""
        return self._device == "cpu"

    def rows(self, start: int, stop: int, sessions: Sequence[Any]) -> "View":
        """Rows `start` to `stop`, to run them together.

        Args:
            start: the first one.
            stop: behind the last one.
            sessions: the graphs', always the same objects.
        """
        key = start, stop, id(sessions)
        if key not in self._views:
            bindings = [self._bind(session, start, stop - start) for session in sessions]
            self._views[key] = View(list(zip(sessions, bindings, strict=True)), self._buffers)
        return self._views[key]

    def read(self, row: int, start: int, stop: int) -> NDArray[np.generic]:
        """A copy of some tokens of a row, [buffers, kv_heads, tokens, head_dim]; CPU only."""
        return np.stack([buffer[row, :, start:stop] for buffer in self._buffers])

    def write(self, row: int, start: int, values: NDArray[np.generic]) -> None:
        """Put such a copy into a row; CPU only."""
        stop = start + values.shape[2]
        for buffer, part in zip(self._buffers, values, strict=True):
            buffer[row, :, start:stop] = part

    def move(self, row: int, to: int, tokens: int) -> None:
        """Copy a row's first tokens to another row and release the row; CPU only."""
        for buffer in self._buffers:
            buffer[to, :, :tokens] = buffer[row, :, :tokens]
        self.release(row)

    def release(self, row: int) -> None:
        """Give a row's memory back to the system; it reads as zeros then. Nothing on CUDA."""
        row_bytes = int(np.prod(self._shape.of(1, self._capacity))) * self._dtype.itemsize
        start = -(-row * row_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
        length = (row + 1) * row_bytes - start
        for memory in self._maps:
            memory.madvise(mmap.MADV_DONTNEED, start, length - length % mmap.PAGESIZE)

    def _buffer(self, dims: list[int]) -> Any:
        if self._device != "cpu":
            return ort.OrtValue.ortvalue_from_shape_and_type(dims, self._dtype, self._device, 0)
        memory = mmap.mmap(
            -1, int(np.prod(dims)) * self._dtype.itemsize, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        self._maps.append(memory)
        return np.frombuffer(memory, self._dtype).reshape(dims)

    def _bind(self, session: Any, first: int, count: int) -> Any:
        binding, its_own = session.io_binding(), {one.name for one in session.get_inputs()}
        dims = self._shape.of(count, self._capacity)
        offset = first * int(np.prod(dims[1:])) * self._dtype.itemsize
        for (past, present), buffer in zip(self._shape.names(), self._buffers, strict=True):
            if past not in its_own:
                continue
            address = buffer.ctypes.data if self.on_host else buffer.data_ptr()
            place = (self._device, 0, self._dtype, dims, address + offset)
            binding.bind_input(past, *place)
            binding.bind_output(present, *place)
        return binding


@dataclass(frozen=True, slots=True)
class View:
    """Some rows of a `SharedCache`.

    Attributes:
        runs: see `Cache`.
        buffers: that the bindings point into; a run in parts may outlive the cache.
    """

    runs: Sequence[tuple[Any, Any]]
    buffers: Sequence[Any]

    def took(self) -> None:
        """Nothing: the graphs wrote into the buffers themselves."""


class GrowingCache:
    """What the graph returned last, fed to its next run; for graphs that cannot append in place.

    Args:
        session: the graph's.
        shape: of the cache.
        device: `cpu` or `cuda`.
    """

    def __init__(self, session: Any, shape: CacheShape, device: str) -> None:
        self._binding = session.io_binding()
        self.runs = [(session, self._binding)]
        self._names = shape.names()
        self._device = device
        empty = np.zeros(shape.of(1, 0), shape.dtype)
        self._bind([ort.OrtValue.ortvalue_from_numpy(empty, device) for _ in self._names])

    def took(self) -> None:
        """Make the run's outputs the next run's inputs."""
        returned = self._binding.get_outputs()
        self._binding.clear_binding_outputs()
        self._bind(returned[: len(self._names)])

    def _bind(self, values: list[Any]) -> None:
        for (past, present), value in zip(self._names, values, strict=True):
            self._binding.bind_ortvalue_input(past, value)
            self._binding.bind_output(present, self._device)
