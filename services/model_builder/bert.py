"""BERT sentence encoder: safetensors to an ONNX graph that ends in the sentence's vector.

The graph's operators are ONNX Runtime's fused ones, the same that its optimizer would find. In int8
the linear layers multiply integers: weights are rounded here, activations as they come, with one
scale for a whole run. On a CPU a run is one text, so that its vector depends on nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from services.model_builder.graph import MICROSOFT, Graph
from services.model_builder.info import Precision
from services.model_builder.quantize import quantize_columns
from shared.errors import ModelBuildError

Tensors = Mapping[str, NDArray[np.float32]]
SUPPORTED = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
TINY = 1e-12  # keeps a zero vector from becoming NaN, as the reference does


@dataclass(frozen=True, kw_only=True)
class BertShape:
    """What of `config.json` shapes the graph.

    Attributes:
        layers: number of transformer layers.
        heads: attention heads of each.
        hidden: width of the residual stream, and of the sentence's vector.
        positions: the longest input in tokens.
        epsilon: of the layer norms.
    """

    layers: int
    heads: int
    hidden: int
    positions: int
    epsilon: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "BertShape":
        """Read a Hugging Face `config.json`.

        Raises:
            ModelBuildError: the config is of another kind of model; names the field.
        """
        for field, supported in SUPPORTED.items():
            if (found := config.get(field, supported)) != supported:
                raise ModelBuildError(f"{field} {found!r} is not supported, only {supported!r}")
        return cls(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            hidden=config["hidden_size"],
            positions=config["max_position_embeddings"],
            epsilon=config["layer_norm_eps"],
        )


def write_bert(
    path: Path, shape: BertShape, tensors: Tensors, precision: Precision = "fp32"
) -> None:
    """Write the graph and its weights.

    Inputs are `input_ids` and `attention_mask`, int64 [batch, tokens]; the output is
    `sentence_embedding`, float32 [batch, hidden], mean-pooled over the mask and of length 1.

    Args:
        path: the graph's file.
        shape: see `BertShape`.
        tensors: float32, named as Hugging Face's `BertModel` does.
        precision: fp32 or int8.

    Raises:
        ModelBuildError: a tensor is missing.
    """
    try:
        with Graph(path) as graph:
            x, mask = encoded(graph, shape, tensors, precision)
            _pooled(graph, x, mask)
            graph.output("sentence_embedding", TensorProto.FLOAT, ["batch", shape.hidden])
            graph.save()
    except KeyError as exc:
        raise ModelBuildError(f"the weights hold no tensor {exc}") from exc


def encoded(
    graph: Graph, shape: BertShape, tensors: Tensors, precision: Precision
) -> tuple[str, str]:
    """Add the encoder with its inputs: every token's state [batch, tokens, hidden], and the mask.

    Raises:
        KeyError: a tensor is missing.
    """
    attention = _attention_int8 if precision == "int8" else _attention
    ids = graph.input("input_ids", TensorProto.INT64, ["batch", "tokens"])
    mask = graph.input("attention_mask", TensorProto.INT64, ["batch", "tokens"])
    narrow_mask = graph.node("Cast", mask, to=TensorProto.INT32)
    x = _embeddings(graph, shape, tensors, ids)
    for index in range(shape.layers):
        x = _layer(graph, shape, _Layer(tensors, index, precision), x, narrow_mask, attention)
    return x, mask


_Attend = Callable[[Graph, BertShape, "_Layer", str, str], str]


class _Layer:
    """The tensors of one layer, under the short names used here."""

    def __init__(self, tensors: Tensors, index: int, precision: Precision) -> None:
        self._tensors = tensors
        self.precision = precision
        self.prefix = f"encoder.layer.{index}."

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self._tensors[self.prefix + name]


def _embeddings(graph: Graph, shape: BertShape, tensors: Tensors, ids: str) -> str:
    """Words plus positions, normalized. Token type 0, the only one, is added to the positions."""
    positions = (
        tensors["embeddings.position_embeddings.weight"]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    word_table = graph.weight("words", tensors["embeddings.word_embeddings.weight"])
    position_table = graph.weight("positions", positions)
    zero = graph.constant("zero", np.array([0], np.int64))
    length = graph.node("Shape", ids, start=1, end=2)
    x = graph.node(
        "Add",
        graph.node("Gather", word_table, ids),
        graph.node("Slice", position_table, zero, length, zero),
    )
    gain = graph.weight("norm.weight", tensors["embeddings.LayerNorm.weight"])
    shift = graph.weight("norm.bias", tensors["embeddings.LayerNorm.bias"])
    return graph.node("LayerNormalization", x, gain, shift, epsilon=shape.epsilon)


def _layer(
    graph: Graph, shape: BertShape, layer: _Layer, x: str, mask: str, attention: _Attend
) -> str:
    """Attention, then the feed-forward network, each added to its input and normalized."""
    attended = attention(graph, shape, layer, x, mask)
    x = _add_and_norm(graph, shape, layer, "attention.output", attended, x)
    wide = _matmul(graph, layer, "intermediate.dense.weight", x)
    wide_bias = graph.weight(
        layer.prefix + "intermediate.dense.bias", layer["intermediate.dense.bias"]
    )
    wide = graph.node("BiasGelu", wide, wide_bias, domain=MICROSOFT)  # the exact one, with erf
    return _add_and_norm(graph, shape, layer, "output", wide, x)


def _qkv(layer: _Layer) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight [in, 3 * hidden] and bias of queries, keys and values side by side."""
    parts = [f"attention.self.{part}." for part in ("query", "key", "value")]
    weight = np.concatenate([layer[part + "weight"].T for part in parts], axis=1)
    return weight, np.concatenate([layer[part + "bias"] for part in parts])


def _attention(graph: Graph, shape: BertShape, layer: _Layer, x: str, mask: str) -> str:
    weight, bias = _qkv(layer)
    return graph.node(
        "Attention",
        x,
        graph.weight(layer.prefix + "qkv.weight", weight),
        graph.weight(layer.prefix + "qkv.bias", bias),
        mask,
        domain=MICROSOFT,
        num_heads=shape.heads,
    )


def _attention_int8(graph: Graph, shape: BertShape, layer: _Layer, x: str, mask: str) -> str:
    weight, bias = _qkv(layer)
    projected = _integer_matmul(graph, layer.prefix + "qkv", x, weight)
    names = [f"{layer.prefix}{part}" for part in ("q", "k", "v")]
    graph.node("Split", projected, outputs=names, axis=2, num_outputs=len(names))
    return graph.node(
        "MultiHeadAttention",
        *names,
        graph.weight(layer.prefix + "qkv.bias", bias),
        mask,
        domain=MICROSOFT,
        num_heads=shape.heads,
    )


def _matmul(graph: Graph, layer: _Layer, name: str, x: str) -> str:
    if layer.precision == "int8":
        return _integer_matmul(graph, layer.prefix + name, x, layer[name].T)
    return graph.node("MatMul", x, graph.weight(layer.prefix + name, layer[name].T))


def _integer_matmul(graph: Graph, name: str, x: str, weight: NDArray[np.float32]) -> str:
    """Multiply x with a weight [in, out], both rounded to integers."""
    columns = quantize_columns(weight)
    return graph.node(
        "DynamicQuantizeMatMul",
        x,
        graph.weight(f"{name}.q8", columns.values),
        graph.weight(f"{name}.scales", columns.scales),
        domain=MICROSOFT,
    )


def _add_and_norm(
    graph: Graph, shape: BertShape, layer: _Layer, part: str, x: str, skip: str
) -> str:
    """Project x, add its bias and the skipped input, normalize."""
    projected = _matmul(graph, layer, f"{part}.dense.weight", x)
    names = (f"{part}.LayerNorm.weight", f"{part}.LayerNorm.bias", f"{part}.dense.bias")
    gain_shift_bias = [graph.weight(layer.prefix + name, layer[name]) for name in names]
    return graph.node(
        "SkipLayerNormalization",
        projected,
        skip,
        *gain_shift_bias,
        domain=MICROSOFT,
        epsilon=shape.epsilon,
    )


def _pooled(graph: Graph, x: str, mask: str) -> None:
    """Mean over the tokens that the mask keeps, scaled to length 1."""
    one = graph.constant("one", np.array([1], np.int64))
    last = graph.constant("last", np.array([-1], np.int64))
    tiny = graph.constant("tiny", np.array(TINY, np.float32))
    kept = graph.node("Cast", mask, to=TensorProto.FLOAT)
    total = graph.node("MatMul", graph.node("Unsqueeze", kept, one), x)
    count = graph.node("ReduceSum", kept, one, keepdims=1)
    mean = graph.node("Div", graph.node("Squeeze", total, one), count)
    length = graph.node("ReduceL2", mean, last, keepdims=1)
    graph.node("Div", mean, graph.node("Max", length, tiny), outputs=["sentence_embedding"])
