"""Runs the generator's graph: tokens in, the next token's scores out."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from caches import Cache, CacheShape, GrowingCache, SharedCache
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
        return cls(**{field: known[field] for field in cls.__dataclass_fields__})

    def cache_shape(self) -> CacheShape:
        """Shape of the attention cache."""
        return CacheShape(
            layers=self.layers,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            dtype=self.cache_dtype,
        )


class Decoder:
    """A graph and how to run it.

    Args:
        folder: a built model's version folder.
        threads: of one run, on the CPU.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self.info = DecoderInfo.read(folder)
        # On a CPU the tiled attention of ONNX Runtime 1.31 takes up to twice as long as the plain
        # one (docs/generator.md); CUDA's has a switch of its own.
        os.environ.setdefault("ORT_GQA_DISABLE_FLASH_ATTENTION", "1")
        self._session = open_session(folder / "model.onnx", threads)
        self.device = "cuda" if self._session.get_providers()[0] == CUDA else "cpu"

    def shared_cache(self, sequences: int, capacity: int) -> SharedCache:
        """An empty cache for some sequences of up to `capacity` tokens each."""
        shape = self.info.cache_shape()
        return SharedCache(self._session, shape, self.device, sequences, capacity)

    def growing_cache(self) -> GrowingCache:
        """An empty cache for one sequence."""
        return GrowingCache(self._session, self.info.cache_shape(), self.device)

    def run(
        self, ids: NDArray[np.int64], lengths: Sequence[int], cache: Cache
    ) -> NDArray[np.float32]:
        """Append tokens to sequences and score what comes next.

        Args:
            ids: int64 [sequences, tokens], the tokens to append.
            lengths: tokens of each sequence, the appended ones included. They may differ, if each
                sequence gets one token and the cache is shared.
            cache: of these sequences; is changed.

        Returns:
            float32 [sequences, vocabulary], of each one's last position.
        """
        binding = cache.binding
        for name, values in self._inputs(ids, np.asarray(lengths)).items():
            binding.bind_cpu_input(name, values)
        binding.bind_output("logits", "cpu")
        self._session.run_with_iobinding(binding)
        # bound after the cache's outputs, so the last
        logits: NDArray[Any] = binding.get_outputs()[-1].numpy()
        cache.took()
        return logits[:, -1].astype(np.float32, copy=False)

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
