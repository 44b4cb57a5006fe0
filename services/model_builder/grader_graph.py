"""The grader's graph: a BERT encoder, then two heads over the means of the text's segments.

`training/grader/model.py` is the same in torch; a test holds the two together.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from services.model_builder.bert import BertShape, encoded
from services.model_builder.graph import MICROSOFT, Graph
from services.model_builder.info import Precision
from shared.errors import ModelBuildError

Tensors = Mapping[str, NDArray[np.float32]]
TINY = 1e-6  # keeps an empty segment from becoming NaN
FAR = 1e4  # what is taken off a segment that is not there


def write_grader(
    path: Path, shape: BertShape, tensors: Tensors, precision: Precision = "fp32"
) -> None:
    """Write the graph and its weights.

    Inputs are `input_ids` and `attention_mask`, int64 [batch, tokens], and `spans`, float32
    [batch, 1 + sentences, tokens]: for each segment, the question first, 1/length at its tokens.
    Outputs are logits: `answer` [batch], that the text answers the question, and `support`
    [batch, sentences], far below 0 where a row has no such sentence.

    Args:
        path: the graph's file.
        shape: of the encoder.
        tensors: float32: the encoder's as Hugging Face's `BertModel` names them, and the heads'.
        precision: of the encoder: fp32 or int8.

    Raises:
        ModelBuildError: a tensor is missing.
    """
    try:
        with Graph(path) as graph:
            x, _ = encoded(graph, shape, tensors, precision)
            spans = graph.input("spans", TensorProto.FLOAT, ["batch", "segments", "tokens"])
            _heads(graph, _Heads(graph, tensors, shape.hidden), x, spans)
            graph.output("answer", TensorProto.FLOAT, ["batch"])
            graph.output("support", TensorProto.FLOAT, ["batch", "sentences"])
            graph.save()
    except KeyError as exc:
        raise ModelBuildError(f"the weights hold no tensor {exc}") from exc


class _Heads:
    """The heads' layers. One that reads several parts side by side adds a product for each."""

    def __init__(self, graph: Graph, tensors: Tensors, hidden: int) -> None:
        self._graph, self._tensors, self._hidden = graph, tensors, hidden

    def layer(self, name: str, *parts: tuple[str, int]) -> str:
        """The layer of that name over its parts, each with its width."""
        weight, start, total = self._tensors[f"{name}.weight"].T, 0, ""
        for number, (x, width) in enumerate(parts):
            rows = self._graph.weight(f"{name}.{number}", weight[start : start + width])
            product = self._graph.node("MatMul", x, rows)
            total = self._graph.node("Add", total, product) if total else product
            start += width
        bias = self._graph.weight(f"{name}.bias", self._tensors[f"{name}.bias"])
        return self._graph.node("Add", total, bias)

    def width_of(self, name: str) -> int:
        """How many outputs the layer of that name has."""
        return int(self._tensors[f"{name}.bias"].shape[0])

    @property
    def hidden(self) -> int:
        """Width of the encoder's states."""
        return self._hidden


def _heads(graph: Graph, heads: _Heads, x: str, spans: str) -> None:
    """From tokens to the two outputs."""
    axes = {name: graph.constant(name, np.array([at], np.int64)) for name, at in _AXES.items()}
    question, sentences = _segments(graph, axes, x, spans)
    both = graph.node("Mul", sentences, question)
    width = heads.hidden
    inner = heads.layer("sentence", (sentences, width), (question, width), (both, width))
    inner = graph.node("Gelu", inner, domain=MICROSOFT)
    missing = _missing(graph, axes, spans)
    support = graph.node(
        "Sub", heads.layer("support", (inner, heads.width_of("sentence"))), missing
    )
    graph.node("Squeeze", support, axes["last"], outputs=["support"])
    strongest = graph.node("ReduceMax", graph.node("Sub", inner, missing), axes["one"], keepdims=0)
    mean = _mean_of_present(graph, axes, inner, missing)
    first = graph.node("Squeeze", graph.node("Slice", x, *_slice(axes, "zero", "one")), axes["one"])
    narrow = heads.width_of("sentence")
    whole = heads.layer("text", (strongest, narrow), (mean, narrow), (first, width))
    whole = graph.node("Gelu", whole, domain=MICROSOFT)
    answer = heads.layer("answer", (whole, heads.width_of("text")))
    graph.node("Squeeze", answer, axes["last"], outputs=["answer"])


_AXES = {"zero_at": 0, "one": 1, "last": -1, "end": np.iinfo(np.int64).max}


def _slice(axes: Mapping[str, str], start: str, end: str) -> tuple[str, str, str]:
    """Inputs of a Slice over the second axis."""
    names = {"zero": axes["zero_at"], "one": axes["one"], "end": axes["end"]}
    return names[start], names[end], axes["one"]


def _segments(graph: Graph, axes: Mapping[str, str], x: str, spans: str) -> tuple[str, str]:
    """Mean of each segment's tokens, scaled to a mean square of 1: question, sentences."""
    means = graph.node("MatMul", spans, x)
    square = graph.node("ReduceMean", graph.node("Mul", means, means), axes["last"], keepdims=1)
    tiny = graph.constant("tiny", np.array(TINY, np.float32))
    scaled = graph.node("Div", means, graph.node("Sqrt", graph.node("Add", square, tiny)))
    question = graph.node("Slice", scaled, *_slice(axes, "zero", "one"))
    return question, graph.node("Slice", scaled, *_slice(axes, "one", "end"))


def _missing(graph: Graph, axes: Mapping[str, str], spans: str) -> str:
    """`FAR` for each sentence that a row does not have, else 0: [batch, sentences, 1]."""
    theirs = graph.node("Slice", spans, *_slice(axes, "one", "end"))
    size = graph.node("ReduceMax", theirs, axes["last"], keepdims=1)
    nothing = graph.constant("nothing", np.array(0, np.float32))
    far = graph.constant("far", np.array(FAR, np.float32))
    return graph.node("Where", graph.node("Greater", size, nothing), nothing, far)


def _mean_of_present(graph: Graph, axes: Mapping[str, str], inner: str, missing: str) -> str:
    """Mean of the sentences that are there."""
    nothing = graph.constant("none", np.array(0, np.float32))
    there = graph.node("Cast", graph.node("Equal", missing, nothing), to=TensorProto.FLOAT)
    total = graph.node("ReduceSum", graph.node("Mul", inner, there), axes["one"], keepdims=0)
    return graph.node("Div", total, graph.node("ReduceSum", there, axes["one"], keepdims=0))
