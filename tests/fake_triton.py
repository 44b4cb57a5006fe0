"""Triton's embedders without Triton: each model's vectors are its own, and of its own length."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from shared.errors import InferenceRefused
from shared.triton import EMBEDDER, Embedded


class FakeTriton:
    """Serves embedders; only what `Embedders` uses of the client is here.

    Args:
        served: Triton's names to the model's id and the length of its vectors. May be changed.

    Attributes:
        texts: how many each model was given.
    """

    def __init__(self, served: Mapping[str, tuple[str, int]]) -> None:
        self.served = dict(served)
        self.texts: dict[str, int] = {}

    async def serves(self, model: str) -> bool:
        """Whether it is there."""
        return model in self.served

    async def model_id(self, embedder: str) -> str:
        """Its id."""
        return self._known(embedder)[0]

    async def embed(
        self, texts: Sequence[str], *, bulk: bool = False, embedder: str = EMBEDDER
    ) -> Embedded:
        """Vectors from hashes of model and text."""
        del bulk
        await asyncio.sleep(0)
        model, dim = self._known(embedder)
        self.texts[model] = self.texts.get(model, 0) + len(texts)
        return Embedded(np.stack([_vector(model, text, dim) for text in texts]), model)

    def _known(self, embedder: str) -> tuple[str, int]:
        if embedder not in self.served:
            raise InferenceRefused(f"unknown model {embedder}")
        return self.served[embedder]


def _vector(model: str, text: str, dim: int) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    digest = hashlib.blake2b(f"{model} {text}".encode(), digest_size=dim).digest()
    numbers = np.frombuffer(digest, np.uint8).astype(np.float32) - 127.5
    return (numbers / np.linalg.norm(numbers)).astype(np.float32)
