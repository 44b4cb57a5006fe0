"""Llama-, Qwen2- and Mistral-like decoders as ONNX graphs with cached, batched attention.

Tensor names are those of onnxruntime-genai's model builder. Attention is ONNX Runtime's
GroupQueryAttention: it rotates queries and keys itself, takes each sequence's length from the
attention mask, and appends to the cache in place when past and present are one buffer.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from services.model_builder.decoder_shape import DecoderShape, DecoderWeights
from services.model_builder.graph import MICROSOFT, Graph, WeightsFile
from services.model_builder.info import Precision
from services.model_builder.precision import NUMBERS, linear
from services.model_builder.rotation import rotated
from shared.errors import ModelBuildError

# On a CPU a long prompt is computed between others' tokens. Cut at some layers, a large chunk of it
# takes many short steps; a small chunk through all layers is hardly faster than a token.
LAYERS_PER_GRAPH = 6
WIDE_GROUPS = 4  # perplexity +0.6 % as with 1, but the likeliest token agrees in 94 % for 92.6 %


def write_decoder(
    folder: Path, shape: DecoderShape, weights: DecoderWeights, precision: Precision
) -> tuple[str, ...]:
    """Write the graphs, each some layers of the decoder, and their weights.

    Inputs: `input_ids` int64 [batch, tokens] of the first one, `attention_mask` int64
    [batch, total] with as many leading ones as a sequence has tokens in all,
    `past_key_values.N.key|value` float32 or float16 [batch, kv_heads, past, head_dim] of each
    layer. Outputs: `present.N.key|value`, shaped like the past, and `logits` float32
    [batch, 1, vocabulary] of the last one, for the last position alone. What else a graph gives,
    the next one takes under the same names.

    Args:
        folder: for the files.
        shape: of the decoder.
        weights: its tensors.
        precision: of weights, activations and cache.

    Returns:
        The graphs' file names, in the order in which they run.

    Raises:
        ModelBuildError: a tensor is missing, of unknown quantization or another shape, or has no
            place in the graph.
    """
    if NUMBERS[precision].integer:
        shape, weights = rotated(shape, weights)
    parts = _parts(shape.layers, precision)
    names = tuple(f"model.{at}.onnx" for at in range(len(parts))) if parts[1:] else ("model.onnx",)
    with WeightsFile(folder / "model.onnx.data") as file:
        for name, layers in zip(names, parts, strict=True):
            graph = Graph(folder / name, file)
            _Decoder(graph, shape, weights, precision).write(layers)
            graph.save()
    weights.refuse_unread()
    return names


def _parts(layers: int, precision: Precision) -> list[range]:
    """Layers of each graph. One graph in the precisions of a GPU, whose chunks take no time."""
    size = LAYERS_PER_GRAPH if NUMBERS[precision].floats is np.float32 else layers
    return [range(at, min(at + size, layers)) for at in range(0, layers, size)]


class _Decoder:
    """Adds some layers of a decoder to a graph."""

    def __init__(
        self, graph: Graph, shape: DecoderShape, weights: DecoderWeights, precision: Precision
    ) -> None:
        self.graph = graph
        self.shape = shape
        self.weights = weights
        self.numbers = NUMBERS[precision]

    def write(self, layers: range) -> None:
        """Add layers, with what comes before the first one and after the last one."""
        x, skip = self._embedded() if layers.start == 0 else self._handed("input", layers.start)
        self._lengths(self.graph.input("attention_mask", TensorProto.INT64, ["batch", "total"]))
        for index in layers:
            x, skip = self._layer(index, x, skip)
        if layers.stop == self.shape.layers:
            self._logits(x)
        else:
            self._handed("output", layers.stop)

    def _embedded(self) -> tuple[str, str]:
        """The first layer's (normalized input, residual)."""
        ids = self.graph.input("input_ids", TensorProto.INT64, ["batch", "tokens"])
        skip = self.graph.node("Gather", self._embeddings(), ids)
        x = self.graph.node(
            "SimplifiedLayerNormalization",
            skip,
            self._norm("blk.0.attn_norm.weight"),
            axis=-1,
            epsilon=self.shape.epsilon,
            stash_type=1,
        )
        return x, skip

    def _embeddings(self) -> str:
        table = self._tensor("token_embd.weight", None, self.shape.hidden)
        return self.graph.weight("embeddings", table.astype(self.numbers.floats))

    def _handed(self, direction: str, index: int) -> tuple[str, str]:
        """A layer's (normalized input, residual) between the graph before it and its own."""
        declare = self.graph.input if direction == "input" else self.graph.output
        dims: list[str | int] = ["batch", "tokens", self.shape.hidden]
        x, skip = _names(f"blk.{index}.attn_norm.weight")
        return declare(x, self.numbers.onnx_type, dims), declare(skip, self.numbers.onnx_type, dims)

    def _lengths(self, mask: str) -> None:
        """Lengths as GroupQueryAttention wants them, and the rotary tables."""
        graph = self.graph
        one = graph.constant("one", np.array([1], np.int64))
        total = graph.node("ReduceSum", mask, one, keepdims=0)
        graph.node(
            "Cast", graph.node("Sub", total, one), outputs=["last_index"], to=TensorProto.INT32
        )
        width = graph.node("Squeeze", graph.node("Shape", mask, start=1, end=2))
        graph.node("Cast", width, outputs=["total_tokens"], to=TensorProto.INT32)
        cosines, sines = self.shape.rope.tables(self.shape.context_tokens)
        graph.weight("cosines", cosines.astype(self.numbers.floats))
        graph.weight("sines", sines.astype(self.numbers.floats))

    def _layer(self, index: int, x: str, skip: str) -> tuple[str, str]:
        """One layer: (normalized input, residual) to the same pair of the next layer."""
        attended = self._attention(index, x)
        is_last = index == self.shape.layers - 1
        if is_last:  # the other positions have served their purpose: they are in the cache
            last = self.graph.constant("last", np.array([-1], np.int64))
            attended = self.graph.node("Gather", attended, last, axis=1)
            skip = self.graph.node("Gather", skip, last, axis=1)
        projected = self._linear(index, "attn_output", attended)
        x, skip = self._add_and_norm(projected, skip, f"blk.{index}.ffn_norm.weight")
        gate = self._linear(index, "ffn_gate", x)
        # x * sigmoid(x), the activation that these models call SiLU
        gate = self.graph.node("QuickGelu", gate, domain=MICROSOFT, alpha=1.0)
        wide = self.graph.node("Mul", gate, self._linear(index, "ffn_up", x))
        narrow = self._linear(index, "ffn_down", wide)
        norm = "output_norm.weight" if is_last else f"blk.{index + 1}.attn_norm.weight"
        return self._add_and_norm(narrow, skip, norm)

    def _attention(self, index: int, x: str) -> str:
        """Queries, keys and values in one product, then attention over the cache."""
        shape, window = self.shape, self.shape.windows[index]
        qkv = self._linear(index, "qkv", x)
        past = [
            self._cache("input", f"past_key_values.{index}.{part}") for part in ("key", "value")
        ]
        present = [self._cache("output", f"present.{index}.{part}") for part in ("key", "value")]
        lengths_and_tables = ["last_index", "total_tokens", "cosines", "sines"]
        return self.graph.node(
            "GroupQueryAttention",
            *[qkv, "", "", *past, *lengths_and_tables],
            outputs=[f"layers.{index}.attended", *present],
            domain=MICROSOFT,
            num_heads=shape.heads,
            kv_num_heads=shape.kv_heads,
            do_rotary=1,
            scale=1.0,  # the queries' weights hold it: ONNX Runtime's fastest products have none
            **({} if window is None else {"local_window_size": window}),
        )

    def _cache(self, direction: str, name: str) -> str:
        declare = self.graph.input if direction == "input" else self.graph.output
        length = "past" if direction == "input" else "present"
        dims: list[str | int] = ["batch", self.shape.kv_heads, length, self.shape.head_dim]
        return declare(name, self.numbers.onnx_type, dims)

    def _linear(self, index: int, part: str, x: str) -> str:
        """A linear layer: one of the weights' own, or `qkv`, three of them side by side."""
        parts = ("attn_q", "attn_k", "attn_v") if part == "qkv" else (part,)
        names = [f"blk.{index}.{name}" for name in parts]
        weight = [
            self._tensor(f"{name}.weight", *self._dims(each))
            for name, each in zip(names, parts, strict=True)
        ]
        bias: list[NDArray[np.float32]] = []
        if any(self.weights.has(f"{name}.bias") for name in names):
            bias = [
                self._bias(f"{name}.bias", len(w)) for name, w in zip(names, weight, strict=True)
            ]
        if part == "qkv":
            self._scale_queries(weight)
            self._scale_queries(bias)
        return linear(
            self.graph,
            f"layers.{index}.{part}",
            x,
            np.concatenate(weight),
            np.concatenate(bias) if bias else None,
            numbers=self.numbers,
            bits=self.numbers.bits,
            # a row's product of gate and up has outliers that no rotation takes away beforehand
            groups=WIDE_GROUPS if part == "ffn_down" else 1,
        )

    def _scale_queries(self, qkv: list[NDArray[np.float32]]) -> None:
        """Put attention's scale, 1 / sqrt(head_dim), into the queries."""
        if qkv:
            qkv[0] = (qkv[0] * self.shape.head_dim**-0.5).astype(np.float32)

    def _dims(self, part: str) -> tuple[int | None, int | None]:
        """Outputs and inputs that a linear layer must have; None for any number."""
        hidden, width = self.shape.hidden, self.shape.head_dim
        queries, keys = self.shape.heads * width, self.shape.kv_heads * width
        return {
            "attn_q": (queries, hidden),
            "attn_k": (keys, hidden),
            "attn_v": (keys, hidden),
            "attn_output": (hidden, queries),
            "ffn_gate": (None, hidden),
            "ffn_up": (None, hidden),
            "ffn_down": (hidden, None),
        }[part]

    def _bias(self, name: str, width: int) -> NDArray[np.float32]:
        return self._tensor(name, width) if self.weights.has(name) else np.zeros(width, np.float32)

    def _norm(self, name: str) -> str:
        values = self._tensor(name, self.shape.hidden)
        return self.graph.weight(name, values.astype(self.numbers.floats))

    def _tensor(self, name: str, *dims: int | None) -> NDArray[np.float32]:
        """A tensor whose shape is as the metadata says; None for a dimension of any size."""
        values = self.weights.tensor(name)
        if len(values.shape) != len(dims) or any(
            wanted not in (None, found) for wanted, found in zip(dims, values.shape, strict=True)
        ):
            raise ModelBuildError(
                f"tensor {name} has the shape {list(values.shape)}, not {list(dims)} as the "
                "model's settings say (None is any)"
            )
        return values

    def _add_and_norm(self, x: str, skip: str, norm: str) -> tuple[str, str]:
        """The sum's RMS norm, and the sum itself."""
        normed, total = _names(norm)
        self.graph.node(
            "SkipSimplifiedLayerNormalization",
            *[x, skip, self._norm(norm)],
            outputs=[normed, "", "", total],
            domain=MICROSOFT,
            epsilon=self.shape.epsilon,
        )
        return normed, total

    def _logits(self, x: str) -> None:
        """Scores of the vocabulary, from the embeddings themselves where the model ties them."""
        graph, numbers = self.graph, self.numbers
        name = "token_embd.weight" if self.shape.tied else "output.weight"
        table = self._tensor(name, None, self.shape.hidden)
        if self.shape.tied and numbers.head_bits is None:
            scores = graph.node("FusedMatMul", x, self._embeddings(), domain=MICROSOFT, transB=1)
        else:
            scores = linear(graph, "head", x, table, None, numbers=numbers, bits=numbers.head_bits)
        graph.node("Cast", scores, outputs=["logits"], to=TensorProto.FLOAT)
        graph.output("logits", TensorProto.FLOAT, ["batch", 1, len(table)])


def _names(norm: str) -> tuple[str, str]:
    """Names of a norm's output and of the sum that it is taken of."""
    return f"{norm}.normed", f"{norm}.sum"
