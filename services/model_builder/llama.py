"""Llama-family decoder: GGUF to an ONNX graph with cached, batched attention.

Tensor names are those of onnxruntime-genai's model builder. Attention is ONNX Runtime's
GroupQueryAttention: it rotates queries and keys itself, takes each sequence's length from the
attention mask, and appends to the cache in place when past and present are one buffer.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from services.model_builder.gguf_file import GgufFile
from services.model_builder.graph import MICROSOFT, Graph
from shared.errors import ModelBuildError

ARCHITECTURE = "llama"


@dataclass(frozen=True, kw_only=True)
class LlamaShape:
    """What of the metadata shapes the graph.

    Attributes:
        layers: number of transformer layers.
        hidden: width of the residual stream.
        heads: query heads of a layer.
        kv_heads: key and value heads of a layer.
        head_dim: width of a head.
        context_tokens: the longest sequence.
        rope_base: base of the rotary frequencies.
        epsilon: of the RMS norms.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    context_tokens: int
    rope_base: float
    epsilon: float

    @classmethod
    def of(cls, gguf: GgufFile) -> "LlamaShape":
        """Read the metadata.

        Raises:
            ModelBuildError: another architecture, or a feature that the graph lacks, by name.
        """
        architecture = gguf.need("general.architecture")
        if architecture != ARCHITECTURE:
            raise ModelBuildError(
                f"GGUF architecture {architecture!r} is not supported, only {ARCHITECTURE!r}"
            )
        hidden, heads = gguf.need("llama.embedding_length"), gguf.need("llama.attention.head_count")
        shape = cls(
            layers=gguf.need("llama.block_count"),
            hidden=hidden,
            heads=heads,
            kv_heads=gguf.get("llama.attention.head_count_kv", heads),
            head_dim=gguf.get("llama.attention.key_length", hidden // heads),
            context_tokens=gguf.need("llama.context_length"),
            rope_base=gguf.get("llama.rope.freq_base", 10_000.0),
            epsilon=gguf.need("llama.attention.layer_norm_rms_epsilon"),
        )
        _refuse_unsupported(gguf, shape)
        return shape


def _refuse_unsupported(gguf: GgufFile, shape: LlamaShape) -> None:
    """Say by name what the graph would get wrong."""
    if (scaling := gguf.get("llama.rope.scaling.type", "none")) != "none":
        raise ModelBuildError(f"rope scaling {scaling!r} is not supported")
    rotated = gguf.get("llama.rope.dimension_count", shape.head_dim)
    if rotated != shape.head_dim:
        raise ModelBuildError(
            f"rotating {rotated} of {shape.head_dim} head dimensions is not supported"
        )


def write_llama(path: Path, shape: LlamaShape, gguf: GgufFile) -> None:
    """Write the graph and its weights.

    Inputs: `input_ids` int64 [batch, tokens], `attention_mask` int64 [batch, total] with as many
    leading ones as a sequence has tokens in all, `past_key_values.N.key|value` float32
    [batch, kv_heads, past, head_dim]. Outputs: `logits` float32 [batch, 1, vocabulary], of the last
    position alone, and `present.N.key|value`, shaped like the past.

    Args:
        path: the graph's file.
        shape: see `LlamaShape`.
        gguf: the weights.

    Raises:
        ModelBuildError: a tensor is missing, of unknown quantization, or has no place in the graph.
    """
    with Graph(path) as graph:
        _Decoder(graph, shape, gguf).write()
        graph.save()
    gguf.refuse_unread()


def unrotated(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo the row order that GGUF gives query and key weights.

    GGUF interleaves the two halves of each head so that rotary pairs are neighbours; here, pairs
    are half a head apart, as in the original weights.

    Args:
        weight: [heads * head_dim, in].
        heads: how many heads the rows belong to.
    """
    pairs = weight.reshape(heads, -1, 2, weight.shape[1])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def rotary_tables(shape: LlamaShape) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines of every position, each float32 [context_tokens, head_dim / 2]."""
    exponents = np.arange(0, shape.head_dim, 2, dtype=np.float64) / shape.head_dim
    angles = np.outer(np.arange(shape.context_tokens), shape.rope_base**-exponents)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


class _Decoder:
    """Adds a decoder to a graph, part by part."""

    def __init__(self, graph: Graph, shape: LlamaShape, gguf: GgufFile) -> None:
        self.graph = graph
        self.shape = shape
        self.gguf = gguf

    def write(self) -> None:
        """Add everything from token ids to logits."""
        graph = self.graph
        ids = graph.input("input_ids", TensorProto.INT64, ["batch", "tokens"])
        self._lengths(graph.input("attention_mask", TensorProto.INT64, ["batch", "total"]))
        embeddings = graph.weight("embeddings", self.gguf.tensor("token_embd.weight"))
        skip = graph.node("Gather", embeddings, ids)
        first_norm = graph.weight("layers.0.norm", self.gguf.tensor("blk.0.attn_norm.weight"))
        x = graph.node(
            "SimplifiedLayerNormalization",
            skip,
            first_norm,
            axis=-1,
            epsilon=self.shape.epsilon,
            stash_type=1,
        )
        for index in range(self.shape.layers):
            x, skip = self._layer(index, x, skip)
        self._logits(x, embeddings)

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
        cosines, sines = rotary_tables(self.shape)
        graph.weight("cosines", cosines)
        graph.weight("sines", sines)
        graph.constant("last", np.array([-1], np.int64))

    def _layer(self, index: int, x: str, skip: str) -> tuple[str, str]:
        """One layer: (normalized input, residual) to the same pair of the next layer."""
        attended = self._attention(index, x)
        is_last = index == self.shape.layers - 1
        if is_last:  # the other positions have served their purpose: they are in the cache
            attended = self.graph.node("Gather", attended, "last", axis=1)
            skip = self.graph.node("Gather", skip, "last", axis=1)
        projected = self._matmul(index, "attn_output", attended)
        x, skip = self._add_and_norm(projected, skip, f"blk.{index}.ffn_norm.weight")
        gate = self._matmul(index, "ffn_gate", x)
        # x * sigmoid(x), the activation that these models call SiLU
        gate = self.graph.node("QuickGelu", gate, domain=MICROSOFT, alpha=1.0)
        wide = self.graph.node("Mul", gate, self._matmul(index, "ffn_up", x))
        narrow = self._matmul(index, "ffn_down", wide)
        norm = "output_norm.weight" if is_last else f"blk.{index + 1}.attn_norm.weight"
        return self._add_and_norm(narrow, skip, norm)

    def _attention(self, index: int, x: str) -> str:
        """Queries, keys and values in one product, then attention over the cache."""
        packed = np.concatenate(
            [
                unrotated(self.gguf.tensor(f"blk.{index}.attn_q.weight"), self.shape.heads),
                unrotated(self.gguf.tensor(f"blk.{index}.attn_k.weight"), self.shape.kv_heads),
                self.gguf.tensor(f"blk.{index}.attn_v.weight"),
            ]
        )
        qkv = self.graph.node("MatMul", x, self.graph.weight(f"layers.{index}.qkv", packed.T))
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
            num_heads=self.shape.heads,
            kv_num_heads=self.shape.kv_heads,
            do_rotary=1,
        )

    def _cache(self, direction: str, name: str) -> str:
        declare = self.graph.input if direction == "input" else self.graph.output
        length = "past" if direction == "input" else "present"
        dims: list[str | int] = ["batch", self.shape.kv_heads, length, self.shape.head_dim]
        return declare(name, TensorProto.FLOAT, dims)

    def _matmul(self, index: int, part: str, x: str) -> str:
        weight = self.gguf.tensor(f"blk.{index}.{part}.weight").T
        return self.graph.node("MatMul", x, self.graph.weight(f"layers.{index}.{part}", weight))

    def _add_and_norm(self, x: str, skip: str, norm: str) -> tuple[str, str]:
        """The sum's RMS norm, and the sum itself."""
        weight = self.graph.weight(norm, self.gguf.tensor(norm))
        outputs = [f"{norm}.normed", "", "", f"{norm}.sum"]
        self.graph.node(
            "SkipSimplifiedLayerNormalization",
            *[x, skip, weight],
            outputs=outputs,
            domain=MICROSOFT,
            epsilon=self.shape.epsilon,
        )
        return outputs[0], outputs[3]

    def _logits(self, x: str, embeddings: str) -> None:
        """Scores of the vocabulary, from the embeddings themselves where the model ties them."""
        head = embeddings
        if self.gguf.has("output.weight"):
            head = self.graph.weight("head", self.gguf.tensor("output.weight"))
        self.graph.node("FusedMatMul", x, head, outputs=["logits"], domain=MICROSOFT, transB=1)
        vocabulary = len(self.gguf.need("tokenizer.ggml.tokens"))
        self.graph.output("logits", TensorProto.FLOAT, ["batch", 1, vocabulary])
