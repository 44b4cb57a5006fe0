"""Turns a decoder's residual stream, so that no channel stands out and rows round well to 8 bits.

A few channels of a trained decoder are far larger than all others, and one scale a row leaves the
others next to no bits. An orthogonal matrix spreads them. RMS norms commute with it once their
weights are part of the layers that follow, so it can be multiplied into the weights: the decoder
computes the same, and no text has to be run through it to find out scales. Likewise each head's
values, between the weights that make them and those that take them up.

Source: QuaRot (Ashkboos et al., 2024), its two rotations that cost nothing at run time.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.model_builder.decoder_shape import DecoderShape, DecoderWeights

SIGNS = 0  # seed of the signs
READ = ("attn_q", "attn_k", "attn_v", "ffn_gate", "ffn_up")  # what layers read the stream with
ADD = ("attn_output", "ffn_down")  # what they add to it with
HEAD, NORM = "output.weight", "norm.weight"
Matrix = NDArray[np.float32]


def rotated(shape: DecoderShape, weights: DecoderWeights) -> tuple[DecoderShape, DecoderWeights]:
    """The same decoder with its residual stream rotated.

    Its embeddings are rotated without the last norm's weights, what scores the vocabulary with
    them: they are tied no more.
    """
    return replace(shape, tied=False), Rotated(shape, weights)


def rotation(size: int) -> Matrix:
    """An orthogonal matrix without large entries: Hadamard's for the power of two in `size`.

    For the odd rest it is the discrete cosine transform, type II; rows have random signs.

    Returns:
        float32 [size, size], Q with Q @ Q.T = 1.
    """
    odd = size // (size & -size)
    matrix = _cosines(odd)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]]) / np.sqrt(2)
    signs = np.random.default_rng(SIGNS).choice([-1.0, 1.0], size)
    return (signs[:, None] * matrix).astype(np.float32)


def _cosines(size: int) -> NDArray[np.float64]:
    at = np.arange(size)
    matrix = np.cos(np.pi / size * (at[:, None] + 0.5) * at)
    unit: NDArray[np.float64] = matrix / np.linalg.norm(matrix, axis=0)
    return unit


class Rotated:
    """Weights of a rotated decoder; see `DecoderWeights`.

    Args:
        shape: of the decoder.
        weights: as they were trained.
    """

    def __init__(self, shape: DecoderShape, weights: DecoderWeights) -> None:
        self._weights = weights
        self._tied = shape.tied
        self._stream = rotation(shape.hidden)
        self._values = rotation(shape.head_dim)

    def has(self, name: str) -> bool:
        """Whether there is such a tensor."""
        return self._weights.has(name) or name == HEAD

    def refuse_unread(self) -> None:
        """See `DecoderWeights`."""
        self._weights.refuse_unread()

    def tensor(self, name: str) -> Matrix:
        """A tensor as float32; norms' weights are 1, since the layers after them hold them."""
        block, part, kind = _parts(name)
        if name == HEAD:
            trained = self._weights.tensor("token_embd.weight" if self._tied else HEAD)
            return self._reads(trained, "output_norm.weight")
        values = self._weights.tensor(name)
        if name.endswith(NORM):
            return np.ones_like(values)
        if part == "attn_v":
            values = self._per_head(values.T).T
        if part == "attn_output" and kind == "weight":
            values = self._per_head(values)
        if part in READ and kind == "weight":
            norm = "attn_norm" if part.startswith("attn") else "ffn_norm"
            return self._reads(values, f"{block}.{norm}.weight")
        if part in ADD:
            return self._stream.T @ values
        return values @ self._stream if part == "token_embd" else values

    def _reads(self, weight: Matrix, norm: str) -> Matrix:
        """A layer [out, in] behind a norm."""
        return (weight * self._weights.tensor(norm)) @ self._stream

    def _per_head(self, values: Matrix) -> Matrix:
        """Values [..., heads * head_dim], rotated within each head."""
        heads = values.reshape(*values.shape[:-1], -1, len(self._values))
        return (heads @ self._values).reshape(values.shape)


def _parts(name: str) -> tuple[str, str, str]:
    """`blk.7.attn_v.bias` as its block, part and kind."""
    rest, _, kind = name.rpartition(".")
    block, _, part = rest.rpartition(".")
    return block, part, kind
