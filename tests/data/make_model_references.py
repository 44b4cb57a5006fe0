"""Makes the values that the model tests compare with, from other implementations.

Not part of the tests: run once, by hand, in an environment of its own with sentence-transformers,
transformers, torch, gguf and llama-cpp-python, on the two unpacked wheels that
`services/model_builder/sources.py` names:

    python -m tests.data.make_model_references MINILM_FOLDER SMOLLM2_GGUF SEEDS_JSONL

It reads `model_texts.json` beside it and the four prompts that tests/seeds.py tells of, and writes
- `embeddings.npz`: `vectors` float32 [texts, 384] by sentence-transformers, `token_counts`;
- `generations.json`: token ids of the hard texts by llama.cpp, and 32 greedy tokens a prompt by
  transformers on the same weights, dequantized to float32, with the reader's adapter merged;
- `agreement.json`: perplexity of `origin_of_species.txt` and the likeliest token at each of its
  places by transformers, without the adapter;
- `seeds.json`: for each of the four prompts its hash, and number and hash of its token ids by
  llama.cpp: the prompts quote papers, and their ids would spell them out.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from llama_cpp import Llama
from safetensors import safe_open
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForCausalLM

from services.model_builder.sources import READER
from tests.seeds import digest, digest_ids
from tests.tiny_decoders import GGUF_PARTS

HERE = Path(__file__).parent
GREEDY_TOKENS = 32


def write_embeddings(texts: list[str], folder: str) -> None:
    """Vectors and token counts (no special tokens, not truncated) of some texts."""
    model = SentenceTransformer(folder, device="cpu")
    vectors = model.encode(texts, normalize_embeddings=True, convert_to_numpy=True)
    encoded = model.tokenizer(texts, add_special_tokens=False, truncation=False)
    counts = np.array([len(ids) for ids in encoded["input_ids"]], np.int32)
    np.savez_compressed(
        HERE / "embeddings.npz", vectors=vectors.astype(np.float32), token_counts=counts
    )


def greedy(model: AutoModelForCausalLM, ids: list[int]) -> list[int]:
    """The next tokens, greedily, whatever they are."""
    with torch.no_grad():
        output = model.generate(
            torch.tensor([ids]),
            do_sample=False,
            max_new_tokens=GREEDY_TOKENS,
            min_new_tokens=GREEDY_TOKENS,
            suppress_tokens=[],
        )
    return [int(token) for token in output[0, len(ids) :]]


def foretold(model: AutoModelForCausalLM, ids: list[int]) -> dict[str, object]:
    """How well a model foretells a text, and what it holds likeliest at each place."""
    with torch.no_grad():
        scores = model(torch.tensor([ids])).logits[0, :-1].double()
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(ids[1:]))
    return {
        "perplexity": round(float(loss.exp()), 6),
        "likeliest": scores.argmax(-1).tolist(),
    }


def merge_reader(model: AutoModelForCausalLM) -> None:
    """Add what was trained here to each linear layer, in torch."""
    names = dict(zip(GGUF_PARTS.values(), GGUF_PARTS, strict=True))
    with torch.no_grad(), safe_open(READER.path, "pt") as file:
        scale = float(file.metadata()["scale"])
        for name in (one for one in file.keys() if one.endswith(".lora_a")):  # noqa: SIM118 - no dict
            _, layer, part, _ = name.split(".")
            a, b = (file.get_tensor(name[:-1] + one).float() for one in "ab")
            linear = model.model.layers[int(layer)].get_submodule(names[part])
            linear.weight += scale * (b @ a)


def write_generations(texts: dict[str, list[str]], gguf: Path, seeds: Path) -> None:
    """Token ids by llama.cpp, continuations by transformers."""
    llama = Llama(str(gguf), vocab_only=True, verbose=False)

    def ids(text: str) -> list[int]:
        return list(llama.tokenize(text.encode(), add_bos=False, special=True))

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    agreement = foretold(model, ids((HERE / "origin_of_species.txt").read_text("utf-8")))
    (HERE / "agreement.json").write_text(json.dumps(agreement, separators=(",", ":")) + "\n")
    merge_reader(model)
    references = {
        "hard_ids": [ids(text) for text in texts["tokenizer"]],
        "greedy": [greedy(model, ids(prompt)) for prompt in texts["prompts"]],
    }
    (HERE / "generations.json").write_text(json.dumps(references, separators=(",", ":")) + "\n")
    known = {}
    for row in map(json.loads, seeds.open()):
        found = ids(row["prompt"])
        known[row["id"]] = {
            "prompt_sha256": digest(row["prompt"]),
            "tokens": len(found),
            "ids_sha256": digest_ids(found),
        }
    (HERE / "seeds.json").write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    all_texts = json.loads((HERE / "model_texts.json").read_text())
    write_embeddings(all_texts["embedder"], sys.argv[1])
    write_generations(all_texts, Path(sys.argv[2]), Path(sys.argv[3]))
