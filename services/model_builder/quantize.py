"""Weights in blocks of few bits, as ONNX Runtime's MatMulNBits reads them. Pure numpy."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32] | NDArray[np.float16]


class Blocks(NamedTuple):
    """A weight [out, in] in blocks along its input: `scale * (value - zero)`.

    Attributes:
        values: uint8 [out, blocks, bytes of a block]; 4-bit values two a byte, the lower first.
        scales: floats [out * blocks].
        zeros: floats [out * blocks], or None where the middle of the range stands for 0.
    """

    values: NDArray[np.uint8]
    scales: Floats
    zeros: Floats | None


def quantize(
    weight: NDArray[np.float32],
    bits: int,
    block: int,
    floats: type[np.float32] | type[np.float16],
) -> Blocks:
    """Round a weight.

    Eight bits lie around 0. Four lie between a block's least and greatest value, with a zero point
    that is no integer: weights that came from GGUF's Q4_0 or Q4_1 stay exactly what they were.

    Args:
        weight: [out, in].
        bits: 8 or 4.
        block: neighbouring inputs of an output that share a scale.
        floats: type of the scales.
    """
    blocks = _blocks(weight, block)
    if bits == 8:  # noqa: PLR2004 - the parameter's two values
        scales = _filled(np.abs(blocks).max(axis=2) / 127, floats)
        rounded = np.rint(blocks / scales[..., None].astype(np.float32)) + 128
        return Blocks(np.clip(rounded, 0, 255).astype(np.uint8), scales.reshape(-1), None)
    least = blocks.min(axis=2)
    scales = _filled((blocks.max(axis=2) - least) / 15, floats)
    wide = scales.astype(np.float32)
    zeros = (-least / wide).astype(floats)
    rounded = np.rint(blocks / wide[..., None] + zeros[..., None].astype(np.float32))
    small = np.clip(rounded, 0, 15).astype(np.uint8)
    return Blocks(small[..., 0::2] | small[..., 1::2] << 4, scales.reshape(-1), zeros.reshape(-1))


def dequantize(blocks: Blocks, bits: int, width: int) -> NDArray[np.float32]:
    """The weight that the graph computes with, float32 [out, in].

    Args:
        blocks: from `quantize`.
        bits: 8 or 4.
        width: inputs of the weight.
    """
    values, (rows, count, _) = blocks.values, blocks.values.shape
    if bits == 4:  # noqa: PLR2004 - the parameter's two values
        values = np.stack([values & 15, values >> 4], axis=-1).reshape(rows, count, -1)
    scales = blocks.scales.astype(np.float32).reshape(rows, count, 1)
    middle = np.float32(1 << (bits - 1))
    zeros = (
        middle if blocks.zeros is None else blocks.zeros.astype(np.float32).reshape(scales.shape)
    )
    whole: NDArray[np.float32] = (scales * (values - zeros)).reshape(rows, -1)[:, :width]
    return whole


def _blocks(weight: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    rows, width = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -width % block)))
    return padded.reshape(rows, -1, block)


def _filled(scales: NDArray[np.float32], floats: type[np.float32] | type[np.float16]) -> Floats:
    """The scales, with 1 where a block is all of one value and any scale will do."""
    given = scales.astype(floats)
    return np.where(given == 0, floats(1), given)
