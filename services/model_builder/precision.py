"""Linear layers at the precisions that a decoder can be built in.

| precision | weights | activations and cache | for |
|---|---|---|---|
| fp32 | float32 | float32 | CPU |
| int8 | 8 bits, a scale for each output | float32, rounded to 8 bits inside products | CPU |
| fp16 | float16 | float16 | CUDA |
| int4 | 4 bits in blocks of 32, 8 for the vocabulary's scores | float16 | CUDA |
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from services.model_builder.graph import MICROSOFT, Graph
from services.model_builder.info import Precision
from services.model_builder.quantize import quantize, quantize_rows

BLOCK = 32  # weights that share a scale and a zero point
ZERO = np.uint8(128)  # of rounded activations: products of unsigned and signed are the fast ones
LEAST_SCALE = np.float32(1e-12)  # a row of zeros has one, too


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """How a graph computes.

    Attributes:
        floats: numpy's type of activations, cache, norms and embeddings.
        onnx_type: the same, by ONNX's number.
        bits: of the weights of linear layers; None for floats.
        head_bits: of those that score the vocabulary.
        integer: whether products are of 8-bit integers, the activations rounded, too.
    """

    floats: type[np.float32] | type[np.float16]
    onnx_type: int
    bits: int | None = None
    head_bits: int | None = None
    integer: bool = False


NUMBERS: dict[Precision, Numbers] = {
    "fp32": Numbers(floats=np.float32, onnx_type=TensorProto.FLOAT),
    "int8": Numbers(
        floats=np.float32, onnx_type=TensorProto.FLOAT, bits=8, head_bits=8, integer=True
    ),
    "fp16": Numbers(floats=np.float16, onnx_type=TensorProto.FLOAT16),
    "int4": Numbers(floats=np.float16, onnx_type=TensorProto.FLOAT16, bits=4, head_bits=8),
}


def linear(
    graph: Graph,
    name: str,
    x: str,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    *,
    numbers: Numbers,
    bits: int | None,
    groups: int = 1,
) -> str:
    """Add x @ weight.T + bias.

    Args:
        graph: to add to.
        name: of the weight's tensors.
        x: the input, [..., in].
        weight: [out, in].
        bias: [out], or None.
        numbers: type of the input and the output.
        bits: of the weight; None for floats.
        groups: where rows are rounded, so many neighbouring parts of one have each a scale.

    Returns:
        The output's name, [..., out].
    """
    added = "" if bias is None else graph.weight(f"{name}.bias", bias.astype(numbers.floats))
    if bits is not None and not numbers.integer:
        return _in_blocks(graph, name, x, weight, added, numbers=numbers, bits=bits)
    if bits is not None:
        product = _integer(graph, name, x, weight, groups)
    else:
        product = graph.node("MatMul", x, graph.weight(name, weight.T.astype(numbers.floats)))
    return graph.node("Add", product, added) if added else product


def _integer(graph: Graph, name: str, x: str, weight: NDArray[np.float32], groups: int) -> str:
    """Products of integers, summed over groups of inputs.

    A row's scale depends on that row alone: what else is in the batch changes nothing.
    """
    width = weight.shape[1] // groups
    xs = [x]
    if groups > 1:
        xs = [f"{name}.input.{group}" for group in range(groups)]
        graph.node("Split", x, outputs=xs, axis=-1, num_outputs=groups)
    total = ""
    for group, part in enumerate(xs):
        columns = weight[:, group * width : (group + 1) * width]
        product = _rounded_product(graph, f"{name}.{group}", part, columns)
        total = graph.node("Add", total, product) if total else product
    return total


def _rounded_product(graph: Graph, name: str, x: str, weight: NDArray[np.float32]) -> str:
    """One group's product: x [..., in] rounded row by row, times the rounded weight [out, in].

    Layers that read the same x repeat its rounding here; ONNX Runtime merges what is the same.
    """
    values, scales = quantize_rows(weight)
    highest = graph.node("ReduceMax", graph.node("Abs", x), _constant(graph, "last_axis", [-1]))
    scale = graph.node(
        "Max",
        graph.node("Mul", highest, _constant(graph, "per_step", np.float32(1 / 127))),
        _constant(graph, "least_scale", LEAST_SCALE),
    )
    product = graph.node(
        "MatMulIntegerToFloat",
        _rounded(graph, x, scale, weight.shape[1]),
        graph.weight(f"{name}.q8", np.ascontiguousarray(values.T)),
        _constant(graph, "unit", np.float32(1)),
        graph.weight(f"{name}.scales", scales),
        _constant(graph, "zero", ZERO),
        domain=MICROSOFT,
    )
    return graph.node("Mul", product, scale)


def _rounded(graph: Graph, x: str, scale: str, width: int) -> str:
    """uint8 [..., in] of x [..., in] and a scale for each row [..., 1]."""
    every = _constant(graph, "every", [-1])
    rows = graph.node("Reshape", x, _constant(graph, f"rows_of_{width}", [-1, width]))
    scales = graph.node("Reshape", scale, every)
    fill = helper.make_tensor("zero", TensorProto.UINT8, [1], [int(ZERO)])
    zeros = graph.node("ConstantOfShape", graph.node("Shape", scales), value=fill)
    values = graph.node("QuantizeLinear", rows, scales, zeros, axis=0)
    return graph.node("Reshape", values, graph.node("Shape", x))


def _constant(graph: Graph, name: str, values: list[int] | np.generic) -> str:
    """A small tensor that many layers share."""
    return graph.shared_constant(name, np.asarray(values))


def _in_blocks(
    graph: Graph,
    name: str,
    x: str,
    weight: NDArray[np.float32],
    bias: str,
    *,
    numbers: Numbers,
    bits: int,
) -> str:
    blocks = quantize(weight, bits, BLOCK, numbers.floats)
    zeros = "" if blocks.zeros is None else graph.weight(f"{name}.zeros", blocks.zeros)
    inputs = [
        x,
        graph.weight(f"{name}.q{bits}", blocks.values),
        graph.weight(f"{name}.scales", blocks.scales),
        *([zeros, "", bias] if bias else [zeros] if zeros else []),
    ]
    return graph.node(
        "MatMulNBits",
        *inputs,
        domain=MICROSOFT,
        N=weight.shape[0],
        K=weight.shape[1],
        bits=bits,
        block_size=BLOCK,
    )
