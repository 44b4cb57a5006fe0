"""Runs the embedder's graph: texts in, vectors of length 1 out."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from embedder_session import CPU, open_session
from numpy.typing import NDArray
from token_batches import batches, encode, load_tokenizer, model_ids, padded
from tokenizers import Encoding

TINY = 1e-12  # keeps a zero vector from becoming NaN


@dataclass(frozen=True, kw_only=True)
class EmbedderInfo:
    """What of `model.json` running needs; the builder's `EmbedderInfo` explains each field."""

    id: str
    dim: int
    max_tokens: int
    inputs: tuple[str, ...]
    output: str
    pooling: str
    normalize: bool

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
        known.setdefault("id", known["name"])  # a user's own, built before models had ids
        return cls(**{field: known[field] for field in cls.__dataclass_fields__})


class Embedder:
    """A graph, its tokenizer and how to run them.

    On a CPU each text is a run of its own, on one thread, and as many run at once as there are
    threads: nothing is padded, a text's activations stay in its core's cache, no thread waits for
    another, and in int8 a vector depends on its text alone. A GPU wants batches.

    Args:
        folder: a built model's version folder.
        threads: texts at once, on the CPU.
        batch_tokens: most tokens of one run on a GPU, padding included.
    """

    def __init__(self, folder: Path, threads: int, batch_tokens: int) -> None:
        self.info = EmbedderInfo.read(folder)
        self._tokenizer = load_tokenizer(str(folder / "tokenizer.json"))
        self._session = open_session(folder / "model.onnx", threads=1)
        self._alone = self._session.get_providers()[0] == CPU
        self._pool = ThreadPoolExecutor(threads if self._alone else 1)
        self._batch_tokens = batch_tokens

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokens of each text; their lengths are its token counts."""
        return encode(self._tokenizer, texts)

    def vectors(self, encodings: Sequence[Encoding]) -> NDArray[np.float32]:
        """Vectors of encoded texts, float32 [texts, dim], in the texts' order."""
        ids = [model_ids(self._tokenizer, one, self.info.max_tokens) for one in encodings]
        vectors = np.empty((len(ids), self.info.dim), np.float32)
        groups = batches([len(row) for row in ids], 0 if self._alone else self._batch_tokens)
        groups.reverse()  # the longest first: no thread begins one while the others are done
        runs = self._pool.map(self._run, [[ids[index] for index in group] for group in groups])
        for group, rows in zip(groups, runs, strict=True):
            vectors[group] = rows
        return vectors

    def _run(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        matrix, mask = padded(ids)
        values = {
            "input_ids": matrix,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(matrix),
        }
        feed = {name: values[name] for name in self.info.inputs}
        output: NDArray[Any] = self._session.run([self.info.output], feed)[0]
        vectors = pooled(output.astype(np.float32, copy=False), mask, self.info.pooling)
        return normalized(vectors) if self.info.normalize else vectors


def pooled(
    output: NDArray[np.float32], mask: NDArray[np.int64], pooling: str
) -> NDArray[np.float32]:
    """One vector a text.

    Args:
        output: of the graph: [texts, dim] for pooling `none`, else [texts, tokens, dim].
        mask: [texts, tokens], 1 where there is a token.
        pooling: `none`; `mean` over the tokens; `cls`, the first token.
    """
    if pooling == "none":
        return output
    if pooling == "cls":
        return output[:, 0]
    kept = mask[:, :, None].astype(np.float32)
    total: NDArray[np.float32] = (output * kept).sum(axis=1) / kept.sum(axis=1)
    return total


def normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same directions with length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, TINY)
    return scaled
