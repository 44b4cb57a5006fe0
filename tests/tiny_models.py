"""Synthetic models, small enough to build in a test; their answers mean nothing."""

import json
from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray
from onnx import TensorProto
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from services.model_builder.grader_weights import write_trained
from services.model_builder.graph import Graph
from services.model_builder.sources import TrainedSource, sha256_of

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
HIDDEN, HEADS, KV_HEADS, FFN, LAYERS, CONTEXT = 64, 4, 2, 96, 2, 128


def byte_tokens() -> list[str]:
    """The 256 characters that stand for bytes in byte-level vocabularies."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def vocabulary() -> list[str]:
    return [*SPECIAL, *byte_tokens(), "he", "ll", "hell", "Ġhe"]


def write_gguf(
    path: Path,
    *,
    architecture: str = "llama",
    pre: str = "smollm",
    scaling: str | None = None,
    extra_tensor: str | None = None,
    words: tuple[str, ...] = (),
) -> Path:
    """A decoder with random weights; the same arguments give the same file."""
    writer = GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    if scaling is not None:
        writer.add_string("llama.rope.scaling.type", scaling)
    _add_tokenizer(writer, pre, words)
    for name, shape in _tensor_shapes().items():
        writer.add_tensor(name, _random(name, shape))
    if extra_tensor:
        writer.add_tensor(extra_tensor, _random(extra_tensor, (HIDDEN,)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: GGUFWriter, pre: str, words: tuple[str, ...]) -> None:
    tokens = [*vocabulary(), *words]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in tokens])
    writer.add_token_merges(["h e", "l l", "he ll", "Ġ he"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{{ messages[0]['content'] }}")


def _tensor_shapes() -> dict[str, tuple[int, ...]]:
    kv_width = HIDDEN // HEADS * KV_HEADS
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (len(vocabulary()), HIDDEN),
        "output_norm.weight": (HIDDEN,),
    }
    for layer in range(LAYERS):
        parts = {
            "attn_norm": (HIDDEN,),
            "attn_q": (HIDDEN, HIDDEN),
            "attn_k": (kv_width, HIDDEN),
            "attn_v": (kv_width, HIDDEN),
            "attn_output": (HIDDEN, HIDDEN),
            "ffn_norm": (HIDDEN,),
            "ffn_gate": (FFN, HIDDEN),
            "ffn_up": (FFN, HIDDEN),
            "ffn_down": (HIDDEN, FFN),
        }
        shapes |= {f"blk.{layer}.{part}.weight": shape for part, shape in parts.items()}
    return shapes


def _random(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    random = np.random.default_rng(list(name.encode()))
    return random.normal(0, 0.3, shape).astype(np.float32)


def write_minilm(folder: Path) -> Path:
    """A sentence-transformers folder with a random BERT; returns its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "bert",
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "hidden_size": 16,
        "max_position_embeddings": 32,
        "layer_norm_eps": 1e-12,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 24}')
    word_tokenizer().save(str(folder / "tokenizer.json"))
    save_file({name: _random(name, s) for name, s in _bert_shapes().items()}, folder / "w")
    return folder / "w"


def _bert_shapes() -> dict[str, tuple[int, ...]]:
    layer, norm, width, wide = "encoder.layer.0", "LayerNorm", 16, 32
    linear = {f"{layer}.attention.self.{n}": (width, width) for n in ("query", "key", "value")}
    linear |= {
        f"{layer}.attention.output.dense": (width, width),
        f"{layer}.intermediate.dense": (wide, width),
        f"{layer}.output.dense": (width, wide),
    }
    norms = ["embeddings", f"{layer}.attention.output", f"{layer}.output"]
    tables = {"word": len(WORDS), "position": 32, "token_type": 2}
    return {
        **{f"embeddings.{n}_embeddings.weight": (rows, width) for n, rows in tables.items()},
        **{f"{name}.weight": shape for name, shape in linear.items()},
        **{f"{name}.bias": shape[:1] for name, shape in linear.items()},
        **{f"{name}.{norm}.{part}": (width,) for name in norms for part in ("weight", "bias")},
    }


WORDS = ("[UNK]", "a", "b", "c", "d")


def word_tokenizer() -> Tokenizer:
    """A token for each of five words."""
    vocab = {word: index for index, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))  # noqa: S106 - not a secret
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def write_own_embedder(folder: Path, *, output: str = "last_hidden_state") -> Path:
    """An embedder's folder of the user's own: each token's vector stands in a table."""
    folder.mkdir(parents=True, exist_ok=True)
    with Graph(folder / "model.onnx") as graph:
        ids = graph.input("input_ids", TensorProto.INT64, ["batch", "tokens"])
        graph.input("attention_mask", TensorProto.INT64, ["batch", "tokens"])
        table = graph.weight("table", _random("table", (len(WORDS), 8)))
        graph.node("Gather", table, ids, outputs=[output])
        graph.output(output, TensorProto.FLOAT, ["batch", "tokens", 8])
        graph.save()
    word_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def write_own_reranker(folder: Path, *, classes: int = 1) -> Path:
    """A cross-encoder's folder of the user's own: a pair scores by its words, each with a worth."""
    folder.mkdir(parents=True, exist_ok=True)
    with Graph(folder / "model.onnx") as graph:
        ids = graph.input("input_ids", TensorProto.INT64, ["batch", "tokens"])
        mask = graph.input("attention_mask", TensorProto.INT64, ["batch", "tokens"])
        worth = np.arange(len(WORDS), dtype=np.float32)[:, None] * np.ones(classes, np.float32)
        worth[:, 0] *= 1 if classes == 1 else -1
        last = graph.constant("last", np.array([2], np.int64))
        kept = graph.node("Unsqueeze", graph.node("Cast", mask, to=TensorProto.FLOAT), last)
        each = graph.node("Mul", graph.node("Gather", graph.weight("worth", worth), ids), kept)
        axis = graph.constant("axis", np.array([1], np.int64))
        graph.node("ReduceSum", each, axis, outputs=["logits"], keepdims=0)
        graph.output("logits", TensorProto.FLOAT, ["batch", classes])
        graph.save()
    word_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def write_own_generator(folder: Path, *, extra_input: str | None = None) -> Path:
    """A plain decoder export: scores come from the mean of all tokens' values so far."""
    folder.mkdir(parents=True, exist_ok=True)
    with Graph(folder / "model.onnx") as graph:
        ids = graph.input("input_ids", TensorProto.INT64, ["batch", "tokens"])
        graph.input("attention_mask", TensorProto.INT64, ["batch", "total"])
        positions = graph.input("position_ids", TensorProto.INT64, ["batch", "tokens"])
        table = graph.weight("table", _random("table", (len(WORDS), 8)))
        at = graph.node("Cast", positions, to=TensorProto.FLOAT)
        tenth = graph.constant("tenth", np.array(0.1, np.float32))
        axis = graph.constant("axis", np.array([2], np.int64))
        shift = graph.node("Unsqueeze", graph.node("Mul", at, tenth), axis)
        x = graph.node("Add", graph.node("Gather", table, ids), shift)
        one = graph.constant("one", np.array([1], np.int64))
        new = graph.node("Unsqueeze", x, one)  # one head
        for part in ("key", "value"):
            past, present = f"past_key_values.0.{part}", f"present.0.{part}"
            graph.input(past, TensorProto.FLOAT, ["batch", 1, "past", 8])
            graph.node("Concat", past, new, outputs=[present], axis=2)
            graph.output(present, TensorProto.FLOAT, ["batch", 1, "total", 8])
        mean = graph.node("ReduceMean", "present.0.value", axis, keepdims=0)
        head = graph.weight("head", _random("head", (8, len(WORDS))))
        graph.node("MatMul", mean, head, outputs=["logits"])
        graph.output("logits", TensorProto.FLOAT, ["batch", 1, len(WORDS)])
        if extra_input:
            graph.input(extra_input, TensorProto.INT64, ["batch"])
        graph.save()
    word_tokenizer().save(str(folder / "tokenizer.json"))
    config = {"max_position_embeddings": 64, "eos_token_id": 4}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_repository(folder: Path) -> Path:
    """A model repository with the code's place, but no weights."""
    for name in ("embedder", "generator", "reranker", "embedder_next"):
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "1" / "model.py").touch()
    return folder


def write_grader(folder: Path) -> tuple[Path, TrainedSource]:
    """A random grader: the encoder's weights, in their folder, and the trained ones."""
    weights = write_minilm(folder)
    vocab = {word: index for index, word in enumerate((*WORDS[:3], "[CLS]", "[SEP]"))}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))  # noqa: S106 - not a secret
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    layers = {"sentence": (8, 48), "support": (1, 8), "text": (8, 32), "answer": (1, 8)}
    shapes: dict[str, tuple[int, ...]]
    shapes = {f"{name}.weight": shape for name, shape in layers.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in layers.items()}
    shapes["encoder.layer.0.output.dense.weight"] = (16, 32)
    trained = folder / "trained"
    write_trained(trained, {name: _random(name, shape) for name, shape in shapes.items()})
    return weights, TrainedSource(path=trained, sha256=sha256_of(trained))
