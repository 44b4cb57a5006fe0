"""FAISS's and usearch's HNSW in this process, with the same parameters as ours."""

from collections.abc import Callable
from typing import Any, Protocol

import faiss
import numpy as np
from usearch.index import Index

from benchmarks.finding.ours import Vectors
from benchmarks.finding.scores import DEPTH
from services.retriever.search import VectorIndex

_TYPES = {"FLOAT32": "f32", "FLOAT16": "f16"}


class Peer(Protocol):
    """An index in this process that grows."""

    def add(self, vectors: Vectors) -> None:
        """Add vectors [n, dim], numbered on."""

    def nearest(self, vector: Vectors, ef: int) -> list[int]:
        """Numbers of the ten nearest to one vector [dim], by so many candidates."""


def true_nearest(vectors: Vectors, asked: Vectors) -> list[list[int]]:
    """The ten nearest chunks of each question."""
    _, found = faiss.knn(asked, vectors, DEPTH, metric=faiss.METRIC_INNER_PRODUCT)
    return [[int(number) for number in row] for row in found]


class FaissHnsw:
    """FAISS's IndexHNSWFlat, or IndexHNSWSQ for FLOAT16."""

    def __init__(self, dim: int, like: VectorIndex) -> None:
        self._index: Any
        if like.type == "FLOAT32":
            self._index = faiss.IndexHNSWFlat(dim, like.m, faiss.METRIC_INNER_PRODUCT)
        else:
            kind: Any = faiss.ScalarQuantizer.QT_fp16
            self._index = faiss.IndexHNSWSQ(dim, kind, like.m, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = like.ef_construction

    def add(self, vectors: Vectors) -> None:
        """See Peer."""
        if not self._index.is_trained:
            self._index.train(vectors)
        self._index.add(vectors)

    def nearest(self, vector: Vectors, ef: int) -> list[int]:
        """See Peer."""
        self._index.hnsw.efSearch = ef
        _, found = self._index.search(vector[None], DEPTH)
        return [int(number) for number in found[0]]


class Usearch:
    """Usearch's Index."""

    def __init__(self, dim: int, like: VectorIndex) -> None:
        self._index = Index(
            ndim=dim,
            metric="ip",
            dtype=_TYPES[like.type],
            connectivity=like.m,
            expansion_add=like.ef_construction,
        )

    def add(self, vectors: Vectors) -> None:
        """See Peer."""
        known = len(self._index)
        self._index.add(np.arange(known, known + len(vectors)), vectors)

    def nearest(self, vector: Vectors, ef: int) -> list[int]:
        """See Peer."""
        self._index.expansion_search = ef
        return [int(number) for number in self._index.search(vector, DEPTH).keys]


PEERS: dict[str, Callable[[int, VectorIndex], Peer]] = {"faiss_hnsw": FaissHnsw, "usearch": Usearch}
