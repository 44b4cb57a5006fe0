"""What every source of a decoder says of it, whatever file it came from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.model_builder.rope import Rope


@dataclass(frozen=True, kw_only=True)
class DecoderShape:
    """What shapes the graph of a Llama-, Qwen2- or Mistral-like decoder.

    Whether a linear layer has a bias is not said here: it has one if the weights hold one.

    Attributes:
        layers: number of transformer layers.
        hidden: width of the residual stream.
        heads: query heads of a layer.
        kv_heads: key and value heads of a layer.
        head_dim: width of a head.
        context_tokens: the longest sequence.
        epsilon: of the RMS norms.
        rope: the rotation of queries and keys.
        tied: whether the embeddings also score the vocabulary.
        windows: for each layer, how many tokens back it sees, itself included; None for all.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    context_tokens: int
    epsilon: float
    rope: Rope
    tied: bool
    windows: tuple[int | None, ...]


class DecoderWeights(Protocol):
    """Tensors by GGUF's names, such as `blk.0.attn_q.weight`, wherever they come from.

    A linear layer is [out, in]. Rotary pairs lie half a head apart.
    """

    def has(self, name: str) -> bool:
        """Whether there is such a tensor."""

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor as float32.

        Raises:
            ModelBuildError: there is none of this name, or its type is unknown.
        """

    def refuse_unread(self) -> None:
        """Make sure that every tensor was asked for: one that was not is a feature left out.

        Raises:
            ModelBuildError: names such tensors.
        """


@dataclass(frozen=True, kw_only=True)
class DecoderSource:
    """A decoder ready to be converted.

    Attributes:
        name: for people.
        shape: of the graph.
        weights: its tensors.
        save_tokenizer: writes `tokenizer.json` to the path given.
        begin_token_id: see `GeneratorInfo`; likewise the next three.
        end_token_ids: tokens that end an answer.
        special_tokens: names that the chat template uses, and their text.
        chat_template: Jinja source.
    """

    name: str
    shape: DecoderShape
    weights: DecoderWeights
    save_tokenizer: Callable[[Path], None]
    begin_token_id: int | None
    end_token_ids: tuple[int, ...]
    special_tokens: dict[str, str]
    chat_template: str | None
