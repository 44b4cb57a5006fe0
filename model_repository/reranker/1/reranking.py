"""Runs a cross-encoder's graph: pairs of question and passage in, scores out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from embedder_session import open_session
from numpy.typing import NDArray
from token_batches import batches, load_tokenizer, padded
from tokenizers import Encoding

Pair = tuple[str, str]
"""A question and a passage."""


@dataclass(frozen=True, kw_only=True)
class RerankerInfo:
    """What of `model.json` running needs; the builder's `RerankerInfo` explains each field."""

    max_tokens: int
    inputs: tuple[str, ...]
    output: str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a built model's `model.json`.

        Raises:
            FileNotFoundError: the model was never built; says how to.
        """
        path = folder / "model.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: run `ragstream models build --reranker DIR` first"
            )
        known = json.loads(path.read_bytes())
        return cls(**{field: known[field] for field in cls.__dataclass_fields__})


class Reranker:
    """A graph, its tokenizer and how to run them.

    Args:
        folder: a built model's version folder.
        threads: of one run, on the CPU.
        batch_tokens: most tokens of one run, padding included.
    """

    def __init__(self, folder: Path, threads: int, batch_tokens: int) -> None:
        self._info = RerankerInfo.read(folder)
        self._tokenizer = load_tokenizer(str(folder / "tokenizer.json"))
        # of question and passage, the longer one is cut
        self._tokenizer.enable_truncation(self._info.max_tokens)
        self._session = open_session(folder / "model.onnx", threads)
        self._batch_tokens = batch_tokens

    def scores(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """How well each passage answers its question, 0..1, float32 [pairs]."""
        encodings = self._tokenizer.encode_batch(list(pairs))
        found = np.empty(len(pairs), np.float32)
        for group in batches([len(one) for one in encodings], self._batch_tokens):
            found[group] = self._run([encodings[index] for index in group])
        return found

    def _run(self, encodings: Sequence[Encoding]) -> NDArray[np.float32]:
        matrix, mask = padded([one.ids for one in encodings])
        kinds, _ = padded([one.type_ids for one in encodings])
        values = {"input_ids": matrix, "attention_mask": mask, "token_type_ids": kinds}
        feed = {name: values[name] for name in self._info.inputs}
        output: NDArray[Any] = self._session.run([self._info.output], feed)[0]
        return likelihood(output.astype(np.float32, copy=False).reshape(len(encodings), -1))


def likelihood(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """0..1 of a graph's scores: [n, 1], relevance; or [n, 2], irrelevant and relevant."""
    scores = logits[:, -1] - (logits[:, 0] if logits.shape[1] > 1 else np.float32(0))
    found: NDArray[np.float32] = np.float32(0.5) * (1 + np.tanh(scores / 2))  # overflows nowhere
    return found
