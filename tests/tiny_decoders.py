"""Random decoders of each family, small enough to build in a test, in each kind of file."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, quants
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from tests.reference_decoder import Reference
from tests.tiny_models import vocabulary

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, FFN, LAYERS, CONTEXT = 64, 4, 2, 16, 96, 2, 128
EPSILON = 1e-5
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 100.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 100.0,
    "factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 2.0}
PLAIN = {"rope_type": "default", "rope_theta": 10_000.0}
GGUF_PARTS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
GGUF_TOPS = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


@dataclass(frozen=True, kw_only=True)
class TinyDecoder:
    """A decoder's settings; its weights follow from their names.

    Attributes:
        architecture: as config.json calls it.
        biases: linear layers of a layer that have a bias.
        tied: whether the embeddings score the vocabulary.
        rope: `rope_parameters` of config.json.
        window: `sliding_window`, None for none.
    """

    architecture: str = "LlamaForCausalLM"
    biases: tuple[str, ...] = ()
    tied: bool = True
    rope: dict[str, Any] = field(default_factory=lambda: dict(PLAIN))
    window: int | None = None

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The weights, by Hugging Face's names."""
        queries, keys = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
        shapes: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (len(vocabulary()), HIDDEN),
            "model.norm.weight": (HIDDEN,),
        }
        if not self.tied:
            shapes["lm_head.weight"] = (len(vocabulary()), HIDDEN)
        parts = {
            "input_layernorm": (HIDDEN,),
            "post_attention_layernorm": (HIDDEN,),
            "self_attn.q_proj": (queries, HIDDEN),
            "self_attn.k_proj": (keys, HIDDEN),
            "self_attn.v_proj": (keys, HIDDEN),
            "self_attn.o_proj": (HIDDEN, queries),
            "mlp.gate_proj": (FFN, HIDDEN),
            "mlp.up_proj": (FFN, HIDDEN),
            "mlp.down_proj": (HIDDEN, FFN),
        }
        for layer in range(LAYERS):
            name = f"model.layers.{layer}"
            shapes |= {f"{name}.{part}.weight": shape for part, shape in parts.items()}
            shapes |= {f"{name}.{part}.bias": parts[part][:1] for part in self.biases}
        return {name: _random(name, shape) for name, shape in shapes.items()}

    def reference(self, tensors: dict[str, NDArray[np.float32]] | None = None) -> Reference:
        """The same decoder in float64."""
        return Reference(
            heads=HEADS,
            kv_heads=KV_HEADS,
            head_dim=HEAD_DIM,
            layers=LAYERS,
            tensors=tensors or self.tensors(),
            epsilon=EPSILON,
            tied=self.tied,
            rope=self.rope,
            window=self.window,
        )

    def config(self) -> dict[str, Any]:
        """config.json."""
        return {
            "architectures": [self.architecture],
            "model_type": self.architecture.removesuffix("ForCausalLM").lower(),
            "hidden_size": HIDDEN,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": KV_HEADS,
            "head_dim": HEAD_DIM,
            "intermediate_size": FFN,
            "max_position_embeddings": CONTEXT,
            "vocab_size": len(vocabulary()),
            "rms_norm_eps": EPSILON,
            "hidden_act": "silu",
            "tie_word_embeddings": self.tied,
            "attention_bias": bool(self.biases),
            "mlp_bias": any(part.startswith("mlp") for part in self.biases),
            "rope_parameters": self.rope,
            "sliding_window": self.window,
            "eos_token_id": 2,
        }


QWEN2_BIASES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
DECODERS = {
    "llama": TinyDecoder(),
    "llama, own head, llama3 rope": TinyDecoder(tied=False, rope=LLAMA3),
    "llama, linear rope": TinyDecoder(rope=LINEAR),
    "llama, biases everywhere": TinyDecoder(
        biases=(*QWEN2_BIASES, "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
    ),
    "qwen2, biases, tied": TinyDecoder(architecture="Qwen2ForCausalLM", biases=QWEN2_BIASES),
    "qwen2, own head, yarn": TinyDecoder(
        architecture="Qwen2ForCausalLM", biases=QWEN2_BIASES, tied=False, rope=YARN
    ),
    "mistral, window": TinyDecoder(architecture="MistralForCausalLM", tied=False, window=8),
}


def write_folder(
    folder: Path, decoder: TinyDecoder, *, dtype: Any = np.float32, files: int = 1
) -> Path:
    """A Hugging Face folder, its weights in one file or in several with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(decoder.config()))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|im_end|>"}')
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    tensors = {name: values.astype(dtype) for name, values in decoder.tensors().items()}
    if files == 1:
        save_file(tensors, folder / "model.safetensors")
        return folder
    names = sorted(tensors)
    weight_map = {name: f"model-{n % files}.safetensors" for n, name in enumerate(names)}
    for file in set(weight_map.values()):
        held = {name: tensors[name] for name in names if weight_map[name] == file}
        save_file(held, folder / file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def byte_tokenizer(*, begin: bool = False) -> Tokenizer:
    """Byte pairs as in the GGUF files here; with `begin`, token 1 comes before every text."""
    tokens = vocabulary()
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("Ġ", "he")]
    tokenizer = Tokenizer(models.BPE({token: n for n, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(tokens[:3])
    if begin:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{tokens[1]} $A", special_tokens=[(tokens[1], 1)]
        )
    return tokenizer


def write_gguf(
    path: Path,
    decoder: TinyDecoder,
    *,
    kind: GGMLQuantizationType = GGMLQuantizationType.F32,
    metadata: dict[str, Any] | None = None,
    left_out: str = "",
) -> Path:
    """A GGUF file as llama.cpp's converter makes it: query and key rows reordered for llama.

    Args:
        path: the file.
        decoder: what it holds.
        kind: quantization of the two-dimensional weights.
        metadata: more values, under whole keys.
        left_out: the name of a tensor that is not written.
    """
    family = "qwen2" if decoder.architecture.startswith("Qwen2") else "llama"
    writer = GGUFWriter(path, family)
    _add_settings(writer, family, decoder)
    given = {"tokenizer.ggml.pre": "gpt-2"} | (metadata or {})
    _add_vocabulary(writer)
    for key, value in given.items():
        _add(writer, key, value)
    for name, values in decoder.tensors().items():
        if gguf_name(name) == left_out:
            continue
        rows = _interleaved(name, values) if family == "llama" else values
        if rows.ndim == 1 or kind == GGMLQuantizationType.F32:
            writer.add_tensor(gguf_name(name), rows)
        else:
            writer.add_tensor(gguf_name(name), quants.quantize(rows, kind), raw_dtype=kind)
    if decoder.rope["rope_type"] == "llama3":
        reference = decoder.reference()
        stretched, _ = reference._frequencies()  # noqa: SLF001 - the same formula, as converters do
        plain = [float(decoder.rope["rope_theta"]) ** (-2 * n / HEAD_DIM) for n in range(8)]
        writer.add_tensor("rope_freqs.weight", (np.array(plain) / stretched).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def gguf_name(name: str) -> str:
    """GGUF's name of a tensor."""
    if name in GGUF_TOPS:
        return GGUF_TOPS[name]
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{GGUF_PARTS[part]}.{kind}"


def _add_settings(writer: GGUFWriter, family: str, decoder: TinyDecoder) -> None:
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(float(decoder.rope["rope_theta"]))
    if (scaling := decoder.rope["rope_type"]) in ("linear", "yarn"):
        writer.add_string(f"{family}.rope.scaling.type", scaling)
        writer.add_float32(f"{family}.rope.scaling.factor", decoder.rope["factor"])
    if original := decoder.rope.get("original_max_position_embeddings"):
        writer.add_uint32(f"{family}.rope.scaling.original_context_length", original)


def _add_vocabulary(writer: GGUFWriter) -> None:
    tokens = vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if n < 3 else 1 for n in range(len(tokens))])
    writer.add_token_merges(["h e", "l l", "he ll", "Ġ he"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
    add.get(type(value), writer.add_string)(key, value)


def _interleaved(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows as llama.cpp's converter orders them, rotary pairs side by side."""
    heads = {"q_proj": HEADS, "k_proj": KV_HEADS}.get(name.split(".")[-2])
    if heads is None:
        return values
    halves = values.reshape(heads, 2, HEAD_DIM // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def _random(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    random = np.random.default_rng(list(name.encode()))
    values = random.normal(0, 0.3, shape).astype(np.float32)
    return values + 1 if "norm" in name else values
