"""FAISS's and usearch's HNSW in this process, with the same parameters as ours."""

from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from usearch.index import Index

from benchmarks.finding.ours import Vectors
from benchmarks.finding.scores import DEPTH
from services.retriever.search import VectorIndex

Numbers = Callable[[Vectors, int], list[int]]
"""Numbers of the chunks nearest to one vector [dim], by so many candidates."""
_TYPES = {"FLOAT32": "f32", "FLOAT16": "f16"}


def true_nearest(vectors: Vectors, asked: Vectors) -> list[list[int]]:
    """The ten nearest chunks of each question."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    _, found = index.search(asked, DEPTH)
    return [[int(number) for number in row] for row in found]


def faiss_hnsw(vectors: Vectors, like: VectorIndex) -> Numbers:
    """FAISS's IndexHNSWFlat, or IndexHNSWSQ for FLOAT16."""
    index: Any
    dim = vectors.shape[1]
    if like.type == "FLOAT32":
        index = faiss.IndexHNSWFlat(dim, like.m, faiss.METRIC_INNER_PRODUCT)
    else:
        kind: Any = faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexHNSWSQ(dim, kind, like.m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = like.ef_construction
    index.train(vectors)
    index.add(vectors)

    def look_up(vector: Vectors, ef: int) -> list[int]:
        index.hnsw.efSearch = ef
        _, found = index.search(vector[None], DEPTH)
        return [int(number) for number in found[0]]

    return look_up


def usearch_hnsw(vectors: Vectors, like: VectorIndex) -> Numbers:
    """Usearch's Index."""
    index = Index(
        ndim=vectors.shape[1],
        metric="ip",
        dtype=_TYPES[like.type],
        connectivity=like.m,
        expansion_add=like.ef_construction,
    )
    index.add(np.arange(len(vectors)), vectors)

    def look_up(vector: Vectors, ef: int) -> list[int]:
        index.expansion_search = ef
        return [int(number) for number in index.search(vector, DEPTH).keys]

    return look_up


PEERS: dict[str, Callable[[Vectors, VectorIndex], Numbers]] = {
    "faiss_hnsw": faiss_hnsw,
    "usearch": usearch_hnsw,
}
