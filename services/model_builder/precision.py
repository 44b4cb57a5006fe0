"""Linear layers at the precisions that a decoder can be built in.

| precision | weights | activations and cache | for |
|---|---|---|---|
| fp32 | float32 | float32 | CPU |
| int8 | 8 bits in blocks of 32 | float32 | CPU |
| fp16 | float16 | float16 | CUDA |
| int4 | 4 bits in blocks of 32, 8 for the vocabulary's scores | float16 | CUDA |
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from services.model_builder.graph import MICROSOFT, Graph
from services.model_builder.info import Precision
from services.model_builder.quantize import quantize

BLOCK = 32  # weights that share a scale and a zero point
INT8_ACTIVATIONS = 4  # MatMulNBits' accuracy_level: products of 8-bit integers, summed in 32 bits


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """How a graph computes.

    Attributes:
        floats: numpy's type of activations, cache, norms and embeddings.
        onnx_type: the same, by ONNX's number.
        bits: of the weights of linear layers; None for floats.
        head_bits: of those that score the vocabulary.
    """

    floats: type[np.float32] | type[np.float16]
    onnx_type: int
    bits: int | None = None
    head_bits: int | None = None


NUMBERS: dict[Precision, Numbers] = {
    "fp32": Numbers(floats=np.float32, onnx_type=TensorProto.FLOAT),
    "int8": Numbers(floats=np.float32, onnx_type=TensorProto.FLOAT, bits=8, head_bits=8),
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

    Returns:
        The output's name, [..., out].
    """
    added = "" if bias is None else graph.weight(f"{name}.bias", bias.astype(numbers.floats))
    if bits is not None:
        return _quantized(graph, name, x, weight, added, numbers=numbers, bits=bits)
    product = graph.node("MatMul", x, graph.weight(name, weight.T.astype(numbers.floats)))
    return graph.node("Add", product, added) if added else product


def _quantized(
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
        accuracy_level=INT8_ACTIVATIONS if numbers.floats is np.float32 else 0,
    )
