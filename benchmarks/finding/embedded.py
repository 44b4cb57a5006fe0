"""Vectors of a set's texts by the product's embedder, kept on disk: they take minutes."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.finding.ours import Vectors
from benchmarks.finding.pipeline import embedder_repository
from benchmarks.places import CACHE
from services.model_builder.info import Precision
from tests.model_code import REPOSITORY

_BATCH_TOKENS = 4096


def embedded(texts: Sequence[str], threads: int, precision: Precision = "fp32") -> Vectors:
    """FP32 [n, dim], computed by the model's own code, as Triton runs it."""
    from embedding import Embedder  # noqa: PLC0415 - on the path once tests.model_code is imported

    folder = _folder(precision)
    path = CACHE / "vectors" / f"{_key(folder, texts)}.npy"
    if path.is_file():
        known: Vectors = np.load(path)
        return known
    embedder = Embedder(folder, threads, _BATCH_TOKENS)
    vectors: Vectors = embedder.vectors(embedder.encode(texts))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, vectors)
    return vectors


@functools.cache
def _folder(precision: Precision) -> Path:
    return embedder_repository(precision, print) / "embedder" / "1"


def _key(folder: Path, texts: Sequence[str]) -> str:
    """Differs for other weights, other code and other texts."""
    digest = hashlib.sha256((folder / "model.onnx").read_bytes())
    digest.update((folder / "model.onnx.data").read_bytes())
    digest.update((REPOSITORY / "embedder" / "1" / "embedding.py").read_bytes())
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:32]
