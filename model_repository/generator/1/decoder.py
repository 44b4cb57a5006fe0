"""Runs the generator's graphs: tokens in, the next token's scores out."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from caches import PRESENT, Cache, CacheShape, GrowingCache, SharedCache
from generator_session import CUDA, open_session
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class DecoderInfo:
    """What of `model.json` running needs; `GeneratorInfo` of the builder explains each field."""

    context_tokens: int
    layers: int
    kv_heads: int
    head_dim: int
    cache: str
    cache_dtype: str
    position_ids: bool
    end_token_ids: tuple[int, ...]
    graphs: tuple[str, ...] = ("model.onnx",)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a built model's `model.json`.

        Raises:
            FileNotFoundError: the model was never built; says how to.
        """
        path = folder / "model.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: run `ragstream models build` first")
        known = json.loads(path.read_bytes())
        return cls(**{field: known[field] for field in cls.__dataclass_fields__ if field in known})

    def cache_shape(self) -> CacheShape:
        """Shape of the attention cache."""
        return CacheShape(
            layers=self.layers,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            dtype=self.cache_dtype,
        )


class Decoder:
    """Graphs, each some layers of one model, and how to run them.

    A run splits each of its many small operations among its threads and waits for the last one.
    Two runs side by side, which share the threads, wait less. So there are two sets of sessions,
    each with its copy of the weights: one for a run alone, one for runs at once. See
    docs/generator.md.

    Args:
        folder: a built model's version folder.
        threads: of all runs together, on the CPU.
        runs_at_once: that may be wanted, at most; see `runs_at_once` for what there are.
    """

    def __init__(self, folder: Path, threads: int, runs_at_once: int = 1) -> None:
        self.info = DecoderInfo.read(folder)
        # On a CPU the tiled attention of ONNX Runtime 1.31 takes up to twice as long as the plain
        # one (docs/generator.md); CUDA's has a switch of its own.
        os.environ.setdefault("ORT_GQA_DISABLE_FLASH_ATTENTION", "1")
        self._alone = self._open(folder, threads)
        self.parts = len(self._alone)
        self.device = "cuda" if self._alone[0].get_providers()[0] == CUDA else "cpu"
        many = self.device == "cpu" and self.info.cache == "shared"
        self.runs_at_once = min(runs_at_once, threads) if many else 1
        several = self.runs_at_once > 1
        # a session's threads are its own and whoever calls it: with all callers, as many as may be
        shared = threads - self.runs_at_once + 1
        self._beside = self._open(folder, shared) if several else self._alone

    def _open(self, folder: Path, threads: int) -> list[Any]:
        return [open_session(folder / name, threads) for name in self.info.graphs]

    def shared_cache(self, sequences: int, capacity: int) -> SharedCache:
        """An empty cache for some sequences of up to `capacity` tokens each."""
        return SharedCache(self.info.cache_shape(), self.device, sequences, capacity)

    def sessions(self, *, alone: bool) -> Sequence[Any]:
        """The graphs', for a run alone or beside others."""
        return self._alone if alone else self._beside

    def growing_cache(self) -> GrowingCache:
        """An empty cache for one sequence; only for a model of one graph."""
        [session] = self._alone
        return GrowingCache(session, self.info.cache_shape(), self.device)

    def start(self, ids: NDArray[np.int64], lengths: Sequence[int], cache: Cache) -> "Run":
        """Append tokens to sequences and score what comes next, as far as `Run.advance` says.

        Args:
            ids: int64 [sequences, tokens], the tokens to append.
            lengths: tokens of each sequence, the appended ones included. They may differ, if each
                sequence gets one token and the cache is shared.
            cache: of these sequences; is changed.
        """
        inputs = self._inputs(ids, np.asarray(lengths))
        return Run(inputs, cache, self.device)

    def run(
        self, ids: NDArray[np.int64], lengths: Sequence[int], cache: Cache
    ) -> NDArray[np.float32]:
        """The same at once.

        Returns:
            float32 [sequences, vocabulary], of each one's last position.
        """
        return self.start(ids, lengths, cache).finish()

    def _inputs(
        self, ids: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> dict[str, NDArray[np.int64]]:
        last = lengths[:, None]
        inputs = {
            "input_ids": np.ascontiguousarray(ids, np.int64),
            "attention_mask": (np.arange(last.max()) < last).astype(np.int64),
        }
        if self.info.position_ids:
            new = ids.shape[1]
            inputs["position_ids"] = (last - new + np.arange(new)).astype(np.int64)
        return inputs


class Run:
    """New tokens on their way through a model's graphs.

    Args:
        inputs: what is known of the tokens, by input name.
        cache: of their sequences; is changed.
        device: where one graph leaves what the next one takes.
    """

    def __init__(self, inputs: Mapping[str, NDArray[np.int64]], cache: Cache, device: str) -> None:
        self._left = list(cache.runs)
        self._inputs = inputs
        self._cache = cache
        self._device = device
        self._handed: dict[str, Any] = {}

    @property
    def parts_left(self) -> int:
        """Graphs that have yet to run."""
        return len(self._left)

    def finish(self) -> NDArray[np.float32]:
        """Run the graphs that are left; see `Decoder.run`."""
        while len(self._left) > 1:
            self.advance()
        session, binding = self._left.pop()
        self._bind(session, binding)
        binding.bind_output("logits", "cpu")
        session.run_with_iobinding(binding)
        # bound after the cache's outputs, so the last
        logits: NDArray[Any] = binding.get_outputs()[-1].numpy()
        self._cache.took()
        return logits[:, -1].astype(np.float32, copy=False)

    def advance(self) -> None:
        """Run the next graph, which must not be the last one."""
        session, binding = self._left.pop(0)
        self._bind(session, binding)
        names = [one.name for one in session.get_outputs() if not one.name.startswith(PRESENT)]
        for name in names:
            binding.bind_output(name, self._device)
        session.run_with_iobinding(binding)
        self._handed = dict(zip(names, binding.get_outputs()[-len(names) :], strict=True))

    def _bind(self, session: Any, binding: Any) -> None:
        for wanted in session.get_inputs():
            if wanted.name in self._inputs:
                binding.bind_cpu_input(wanted.name, self._inputs[wanted.name])
            elif wanted.name in self._handed:
                binding.bind_ortvalue_input(wanted.name, self._handed[wanted.name])
