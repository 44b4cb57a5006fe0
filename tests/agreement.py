"""How well a generator foretells a fixed text: what each precision is held against.

    python -m tests.agreement [PRECISION...]

prints a table for the base weights of the default generator. On a CPU, int4 takes minutes: its half
floats are CUDA's.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from services.model_builder.info import GeneratorInfo, Precision
from services.model_builder.precision import NUMBERS
from services.model_builder.recipes import BASE, generator_recipe
from tests.built_models import wheel_cache
from tests.model_code import DATA

TEXT = DATA / "origin_of_species.txt"  # Charles Darwin, 1859: the introduction's beginning
NAMES: dict[str, Precision] = {name: name for name in NUMBERS}
WEIGHTS_BESIDE = "session.model_external_initializers_file_folder_path"
PAST = "past_key_values."
CHUNK_TOKENS = 256  # the generator prefills in chunks, too
LAST = "last"  # the graph's constant by which it looks at the last position alone


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """What a model says of a text.

    Attributes:
        perplexity: of the text's tokens after the first.
        likeliest: int64 [tokens - 1], the token that the model holds likeliest at each place.
    """

    perplexity: float
    likeliest: NDArray[np.int64]

    def top1(self, other: NDArray[np.int64]) -> float:
        """Share of places at which both hold the same token likeliest."""
        return float((self.likeliest == other).mean())


def reference() -> Foretold:
    """What transformers says in float32, on the base weights, dequantized."""
    known = json.loads((DATA / "agreement.json").read_text())
    return Foretold(perplexity=known["perplexity"], likeliest=np.array(known["likeliest"]))


def text_ids(folder: Path) -> list[int]:
    """The text in a built model's tokens."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids: list[int] = tokenizer.encode(TEXT.read_text("utf-8"), add_special_tokens=False).ids
    return ids


def foretell(folder: Path, ids: list[int]) -> Foretold:
    """Run a text through a built model, in chunks as the generator does."""
    logits = all_logits(folder, ids)
    likeliest, losses = [], []
    for at in range(0, len(ids) - 1, CHUNK_TOKENS):
        scores = logits[at : at + CHUNK_TOKENS][: len(ids) - 1 - at].astype(np.float64)
        wanted = np.array(ids[at + 1 : at + 1 + len(scores)])
        most = scores.max(axis=1, keepdims=True)
        total = most[:, 0] + np.log(np.exp(scores - most).sum(axis=1))
        losses.append(total - scores[np.arange(len(scores)), wanted])
        likeliest.append(scores.argmax(axis=1))
    mean = np.concatenate(losses).mean()
    return Foretold(perplexity=float(np.exp(mean)), likeliest=np.concatenate(likeliest))


def all_logits(folder: Path, ids: list[int]) -> NDArray[np.float32]:
    """Scores after every token, float32 [tokens, vocabulary]."""
    info = msgspec.json.decode((folder / "model.json").read_bytes(), type=GeneratorInfo)
    sessions = [_session(folder, name) for name in info.graphs]
    empty = np.zeros((1, info.kv_heads, 0, info.head_dim), info.cache_dtype)
    known = {
        f"{PAST}{layer}.{part}": empty for layer in range(info.layers) for part in ("key", "value")
    }
    logits = []
    for at in range(0, len(ids), CHUNK_TOKENS):
        chunk = ids[at : at + CHUNK_TOKENS]
        seen = np.ones((1, at + len(chunk)), np.int64)
        known |= {"input_ids": np.array([chunk]), "attention_mask": seen}
        for session in sessions:
            known |= _run(session, known)
        logits.append(known["logits"][0])
    return np.concatenate(logits)


def _run(session: ort.InferenceSession, known: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A graph's outputs, those for the cache under the names that the next run takes them by."""
    wanted = {one.name: known[one.name] for one in session.get_inputs()}
    names = [one.name.replace("present.", PAST) for one in session.get_outputs()]
    return dict(zip(names, session.run(None, wanted), strict=True))


def _session(folder: Path, name: str) -> ort.InferenceSession:
    """A graph's own nodes and weights, but for those that drop all positions save the last."""
    model = onnx.load(folder / name, load_external_data=False)
    nodes = model.graph.node
    dropping = [node for node in nodes if LAST in node.input]
    kept_as = {node.output[0]: node.input[0] for node in dropping}
    for node in dropping:
        nodes.remove(node)
    for node in nodes:
        node.input[:] = [kept_as.get(name, name) for name in node.input]
    for output in model.graph.output:
        if output.name == "logits":
            output.type.tensor_type.shape.dim[1].dim_param = "tokens"
    options = ort.SessionOptions()
    options.add_session_config_entry(WEIGHTS_BESIDE, str(folder))
    raw = model.SerializeToString()
    return ort.InferenceSession(raw, options, providers=["CPUExecutionProvider"])


def main(precisions: Sequence[Precision]) -> None:
    """Convert the base weights to each precision, and print a table."""
    print("| precision | MB | perplexity | top-1 as fp32 of transformers |\n|---|---|---|---|")  # noqa: T201 - a command
    for precision in precisions:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            generator_recipe(BASE, precision).write(folder, wheel_cache(), lambda _: None)
            size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            found = foretell(folder, text_ids(folder))
        agreed = found.top1(reference().likeliest)
        print(f"| {precision} | {size:.0f} | {found.perplexity:.3f} | {agreed:.1%} |")  # noqa: T201 - a command


if __name__ == "__main__":
    main([NAMES[name] for name in sys.argv[1:] or NAMES])
