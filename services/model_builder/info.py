"""`model.json`: what a Triton model must know of its graph, written once by the builder.

The models in `model_repository` read these files as plain JSON, since they run without ragstream.
"""

from typing import Literal

import msgspec


class EmbedderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An embedder's `model.json`.

    Attributes:
        name: for people.
        id: name, precision and a hash of the weights: vectors of one id can be compared, and no
            others.
        dim: width of a vector.
        max_tokens: longest input of the graph, special tokens included; the rest is cut off.
        inputs: the graph's inputs, of `input_ids`, `attention_mask`, `token_type_ids`.
        output: the graph's output to read.
        pooling: what is left to do after the graph: `none`, or `mean`/`cls` over the tokens.
        normalize: whether vectors still must be scaled to length 1 after that.
    """

    name: str
    id: str = ""
    dim: int
    max_tokens: int
    inputs: tuple[str, ...]
    output: str
    pooling: Literal["none", "mean", "cls"]
    normalize: bool


class GraderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A grader's `model.json`. What is longer than a limit is cut off.

    Attributes:
        name: for people.
        max_tokens: longest input of the graph: question, text and special tokens.
        question_tokens: longest question.
        line_tokens: longest line of a text.
    """

    name: str
    max_tokens: int
    question_tokens: int
    line_tokens: int


class RerankerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A reranker's `model.json`.

    Attributes:
        name: for people.
        max_tokens: longest input of the graph, question, passage and special tokens together.
        inputs: as in EmbedderInfo.
        output: of the graph, [n, 1] relevance or [n, 2] irrelevant and relevant.
    """

    name: str
    max_tokens: int
    inputs: tuple[str, ...]
    output: str


Precision = Literal["fp32", "int8", "fp16", "int4"]


class ChatTurn(msgspec.Struct, frozen=True, kw_only=True):
    """What the chat template puts before and after a user's words, up to the model's own turn."""

    before: str
    after: str


class GeneratorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A generator's `model.json`.

    Attributes:
        name: for people.
        graphs: file names, in the order in which they run.
        context_tokens: longest sequence, prompt and answer together.
        layers: number of layers with a cache.
        kv_heads: key and value heads of each.
        head_dim: width of a head.
        cache: `shared` if past and present may be one buffer that the graph appends to in place,
            `growing` if present is past with the new tokens added.
        cache_dtype: numpy's name of the cache's element type.
        position_ids: whether the graph wants the input of that name.
        begin_token_id: the token that every prompt begins with, once; None if the model has none.
        end_token_ids: tokens that end an answer.
        special_tokens: names that the chat template uses, such as `bos_token`, and their text.
        chat_template: Jinja source, for whoever renders whole conversations.
        chat: the same template around one user's turn; None if there is no template.
        precision: of the weights; None for a graph that somebody else exported.
    """

    name: str
    context_tokens: int
    layers: int
    kv_heads: int
    head_dim: int
    cache: Literal["shared", "growing"]
    cache_dtype: Literal["float32", "float16"]
    position_ids: bool
    begin_token_id: int | None
    end_token_ids: tuple[int, ...]
    special_tokens: dict[str, str]
    chat_template: str | None = None
    chat: ChatTurn | None = None
    graphs: tuple[str, ...] = ("model.onnx",)
    precision: Precision | None = None
