"""Vectors of a set's texts by the product's embedder, kept on disk: they take minutes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.finding.ours import Vectors
from benchmarks.places import CACHE
from tests.built_models import built_repository
from tests.model_code import REPOSITORY

_BATCH_TOKENS = 4096


def embedded(texts: Sequence[str], threads: int) -> Vectors:
    """FP32 [n, dim], computed by the model's own code, as Triton runs it."""
    from embedding import Embedder  # noqa: PLC0415 - on the path once tests.model_code is imported

    folder = built_repository() / "embedder" / "1"
    path = CACHE / "vectors" / f"{_key(folder, texts)}.npy"
    if path.is_file():
        known: Vectors = np.load(path)
        return known
    embedder = Embedder(folder, threads, _BATCH_TOKENS)
    vectors: Vectors = embedder.vectors(embedder.encode(texts))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, vectors)
    return vectors


def _key(folder: Path, texts: Sequence[str]) -> str:
    """Differs for other weights, other code and other texts."""
    digest = hashlib.sha256((folder / "manifest.json").read_bytes())
    digest.update((REPOSITORY / "embedder" / "1" / "embedding.py").read_bytes())
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:32]
