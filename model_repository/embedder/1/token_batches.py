"""Texts to token ids, and token ids to batches of about one length."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer


def load_tokenizer(path: str) -> Tokenizer:
    """A tokenizer that neither cuts nor pads: both are done here, after counting."""
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Encoding]:
    """Tokens of each text, whole and without special tokens."""
    return tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)


def model_ids(tokenizer: Tokenizer, encoding: Encoding, max_tokens: int) -> list[int]:
    """Ids for the graph: cut to fit, special tokens added. Changes the encoding."""
    encoding.truncate(max_tokens - tokenizer.num_special_tokens_to_add(is_pair=False))
    ids: list[int] = tokenizer.post_process(encoding).ids
    return ids


def batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Group texts so that little is padded and no batch is too large.

    Args:
        lengths: tokens of each text.
        batch_tokens: most tokens of a batch once padded; a longer text goes alone.

    Returns:
        Indices into `lengths`, each exactly once, shortest first.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        longest = lengths[index]  # so far, and so of its batch
        if groups and (len(groups[-1]) + 1) * longest <= batch_tokens:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def padded(ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask of a batch, both int64 [texts, longest]; the padding is masked out."""
    lengths = np.array([len(row) for row in ids])
    mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
    matrix: NDArray[Any] = np.zeros_like(mask)
    matrix[mask.astype(bool)] = np.concatenate([np.asarray(row, np.int64) for row in ids])
    return matrix, mask
