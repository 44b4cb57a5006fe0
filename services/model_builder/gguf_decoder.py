"""A decoder from a GGUF file: its shape, its weights in the original order, its tokenizer."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.model_builder import rope
from services.model_builder.decoder_shape import DecoderShape, DecoderSource
from services.model_builder.gguf_file import GgufFile
from services.model_builder.rope import Rope
from services.model_builder.tokenizer_gguf import build_tokenizer, end_token_ids, wants_begin
from shared.errors import ModelBuildError

ARCHITECTURES = ("llama", "qwen2")  # Mistral's files call themselves llama
INTERLEAVED = ("llama",)  # the architectures whose query and key rows GGUF reorders
ROPE_FACTORS = "rope_freqs.weight"  # Llama 3's scaling, computed by whoever made the file


def open_gguf(path: Path) -> DecoderSource:
    """Describe the decoder in a GGUF file.

    Raises:
        ModelBuildError: the file is damaged, or of another family; says what is not supported.
    """
    gguf = GgufFile(path)
    shape = read_shape(gguf)
    tokenizer = build_tokenizer(gguf)
    begin = gguf.need("tokenizer.ggml.bos_token_id") if wants_begin(gguf) else None
    return DecoderSource(
        name=gguf.get("general.name", path.stem),
        shape=shape,
        weights=GgufWeights(gguf, shape),
        save_tokenizer=lambda target: tokenizer.save(str(target)),
        begin_token_id=begin,
        end_token_ids=tuple(end_token_ids(gguf)),
        special_tokens=_special_tokens(gguf),
        chat_template=gguf.get("tokenizer.chat_template"),
    )


def read_shape(gguf: GgufFile) -> DecoderShape:
    """Read the metadata.

    Raises:
        ModelBuildError: another architecture, or a feature that the graph lacks, by name.
    """
    about = _About(gguf)
    hidden, heads = about.need("embedding_length"), about.need("attention.head_count")
    kv_heads = about.get("attention.head_count_kv", heads)
    if isinstance(heads, list) or isinstance(kv_heads, list):
        raise ModelBuildError("layers with different numbers of heads are not supported")
    head_dim = about.get("attention.key_length", hidden // heads)
    about.refuse("expert_count", 0, "a mixture of experts ({} experts)")
    about.refuse("attention.sliding_window", 0, "a sliding window ({} tokens)")
    about.refuse("attention.value_length", head_dim, "values of width {}, unlike keys,")
    about.refuse("rope.dimension_count", head_dim, f"rotating {{}} of {head_dim} head dimensions")
    layers, context = about.need("block_count"), about.need("context_length")
    return DecoderShape(
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        context_tokens=context,
        epsilon=about.need("attention.layer_norm_rms_epsilon"),
        rope=_rope(about, head_dim, context),
        tied=not gguf.has("output.weight"),
        windows=(None,) * layers,
    )


class _About:
    """The metadata under the architecture's own prefix.

    Raises:
        ModelBuildError: the architecture is not supported, or the file is a part of several.
    """

    def __init__(self, gguf: GgufFile) -> None:
        self.gguf = gguf
        self.architecture = gguf.need("general.architecture")
        if self.architecture not in ARCHITECTURES:
            raise ModelBuildError(
                f"GGUF architecture {self.architecture!r} is not supported, "
                f"only {', '.join(ARCHITECTURES)}"
            )
        if (parts := gguf.get("split.count", 1)) > 1:
            raise ModelBuildError(
                f"the file is one of {parts} parts: join them with `llama-gguf-split --merge`"
            )

    def get(self, key: str, default: Any) -> Any:
        return self.gguf.get(f"{self.architecture}.{key}", default)

    def need(self, key: str) -> Any:
        return self.gguf.need(f"{self.architecture}.{key}")

    def refuse(self, key: str, supported: object, what: str) -> None:
        if (found := self.get(key, supported)) != supported:
            raise ModelBuildError(f"{what.format(found)} is not supported")


def _rope(about: _About, width: int, context_tokens: int) -> Rope:
    base = about.get("rope.freq_base", 10_000.0)
    factor = about.get("rope.scaling.factor", about.get("rope.scale_linear", 1.0)) or 1.0
    kind = about.get("rope.scaling.type", "linear")  # llama.cpp's default, of factor 1
    settings = {
        "rope_type": kind,
        "factor": factor,
        "original_max_position_embeddings": about.get("rope.scaling.original_context_length", 0),
    }
    about.refuse("rope.scaling.attn_factor", 1.0, "rope scaling with attn_factor {}")
    if not about.gguf.has(ROPE_FACTORS):
        return rope.scaled(base, width, context_tokens, settings)
    if factor != 1.0:
        raise ModelBuildError(
            f"rope scaling {kind!r} together with {ROPE_FACTORS} is not supported"
        )
    divisors = about.gguf.tensor(ROPE_FACTORS).astype(np.float64)
    return Rope(frequencies=rope.plain(base, width).frequencies / divisors)


class GgufWeights:
    """A GGUF file's tensors, queries and keys in the order of the original weights.

    Args:
        gguf: the file.
        shape: read from it.
    """

    def __init__(self, gguf: GgufFile, shape: DecoderShape) -> None:
        self._gguf = gguf
        reordered = gguf.need("general.architecture") in INTERLEAVED
        self._heads = {"attn_q": shape.heads, "attn_k": shape.kv_heads} if reordered else {}
        self.has = gguf.has
        self.refuse_unread = gguf.refuse_unread

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor as float32; see `GgufFile.tensor`."""
        values = self._gguf.tensor(name)
        part = name.split(".")[-2]
        return unrotated(values, self._heads[part]) if part in self._heads else values


def unrotated(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo the row order that GGUF gives query and key weights of the llama architecture.

    GGUF interleaves the two halves of each head so that rotary pairs are neighbours; here, pairs
    are half a head apart, as in the original weights.

    Args:
        values: a weight [heads * head_dim, in] or a bias [heads * head_dim].
        heads: how many heads the rows belong to.
    """
    pairs = values.reshape(heads, -1, 2, *values.shape[1:])
    return pairs.swapaxes(1, 2).reshape(values.shape)


def _special_tokens(gguf: GgufFile) -> dict[str, str]:
    """The tokens that chat templates call by name."""
    tokens = gguf.need("tokenizer.ggml.tokens")
    ids = {name: gguf.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")}
    return {f"{name}_token": tokens[index] for name, index in ids.items() if index is not None}
