"""Weights in blocks of few bits, as ONNX Runtime's MatMulNBits reads them. Pure numpy."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SEVEN_BITS = 63
Floats = NDArray[np.float32] | NDArray[np.float16]


class Columns(NamedTuple):
    """A weight [in, out] with one scale for each output: `scale * value`.

    Attributes:
        values: int8 [in, out].
        scales: float32 [out].
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


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

    Eight bits lie around 0. Four have a zero point that is no integer, and of two ways to lay
    them a block takes the nearer one: between its least and its greatest value, or around 0.
    Weights that came from GGUF's Q4_1 or Q4_0 stay what they were by that.

    Args:
        weight: [out, in].
        bits: 8 or 4.
        block: neighbouring inputs of an output that share a scale.
        floats: type of the scales.
    """
    blocks = _blocks(weight, block)
    if bits == 8:  # noqa: PLR2004 - the parameter's two values
        scales = _filled(np.abs(blocks).max(axis=2) / 127, floats)
        values = _rounded(blocks, scales, np.full_like(scales, 128), 255)
        return Blocks(values, scales.reshape(-1), None)
    with np.errstate(all="ignore"):  # a zero point too far away makes that way the worse one
        scales, zeros = _nearer(blocks, _between(blocks, floats), _around(blocks, floats))
    small = _rounded(blocks, scales, zeros, 15)
    packed = (small[..., 0::2] | small[..., 1::2] << 4).astype(np.uint8)
    return Blocks(packed, scales.reshape(-1), zeros.reshape(-1))


def quantize_columns(weight: NDArray[np.float32]) -> Columns:
    """Round a weight [in, out] around 0, as DynamicQuantizeMatMul reads it.

    Seven bits, not eight: on processors without VNNI two products are summed in 16 bits, which
    eight bits overflow.
    """
    scales = _filled(np.abs(weight).max(axis=0) / SEVEN_BITS, np.float32)
    values = np.clip(np.rint(weight / scales), -SEVEN_BITS, SEVEN_BITS).astype(np.int8)
    return Columns(values, scales.astype(np.float32))


def quantize_rows(
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each output of a weight by a scale of its own, around 0.

    Args:
        weight: [out, in].

    Returns:
        Values -127..127 [out, in], and scales [out]; their product is the weight, rounded.
    """
    scales = _filled(np.abs(weight).max(axis=1) / 127, np.float32).astype(np.float32)
    values: NDArray[np.int8] = np.rint(weight / scales[:, None]).astype(np.int8)
    return values, scales


def _between(blocks: NDArray[np.float32], floats: Any) -> tuple[Floats, Floats]:
    """Scales and zero points that reach from each block's least to its greatest value."""
    least = blocks.min(axis=2)
    scales = _filled((blocks.max(axis=2) - least) / 15, floats)
    return scales, (-least / scales.astype(np.float32)).astype(floats)


def _around(blocks: NDArray[np.float32], floats: Any) -> tuple[Floats, Floats]:
    """Scales of each block's greatest magnitude, which takes the one more step below 0."""
    at = np.abs(blocks).argmax(axis=2)[..., None]
    scales = _filled(np.take_along_axis(blocks, at, axis=2)[..., 0] / -8, floats)
    return scales, np.full_like(scales, 8)


def _nearer(
    blocks: NDArray[np.float32], one: tuple[Floats, Floats], other: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """For each block, whichever scale and zero point come nearer to it."""
    errors = []
    for scales, zeros in (one, other):
        values = _rounded(blocks, scales, zeros, 15).astype(np.float32)
        read = (values - zeros[..., None].astype(np.float32)) * scales[..., None].astype(np.float32)
        errors.append(((read - blocks) ** 2).sum(axis=2))
    first = errors[0] <= errors[1]
    return np.where(first, one[0], other[0]), np.where(first, one[1], other[1])


def _rounded(
    blocks: NDArray[np.float32], scales: Floats, zeros: Floats, most: int
) -> NDArray[np.uint8]:
    """The integers 0..most that stand for the blocks' values."""
    steps = blocks / scales[..., None].astype(np.float32) + zeros[..., None].astype(np.float32)
    values: NDArray[np.uint8] = np.clip(np.rint(steps), 0, most).astype(np.uint8)
    return values


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
