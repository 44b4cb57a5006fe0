"""Makes the grades that the grader's tests compare with, by torch.

Not part of the tests: run once for every newly trained grader, by hand, in the environment that it
was trained in (training/grader/requirements.txt) with this project's own beside it:

    python -m tests.data.make_grader_references MINILM_FOLDER

MINILM_FOLDER is the model's folder of the unpacked wheel that services/model_builder/sources.py
names. It writes `grades.json`: grades of the trained grader, and of a tiny random one.
"""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from transformers import BertConfig, BertModel

from services.model_builder.grader_weights import read_trained
from services.model_builder.sources import GRADER
from tests import tiny_models
from tests.model_code import REPOSITORY
from training.grader.model import Grader

HERE = Path(__file__).parent
TINY = [("a b", "a b\nb"), ("b", "b b a a\na\nb a"), ("a a", "a")]
REAL = [
    ("Which neural network was used?", "We used a ResNet-50.\nThe weather was fine that day."),
    ("Which neural network was used?", "The weather was fine that day.\nBirds sang in the trees."),
    ("how many species live there", "Some 340 species of beetles live in the park.\nIt is old."),
    ("Where can the code be found?", "Code is available at https://example.org/code."),
    (
        "The park is old.",
        "Some 340 species of beetles live in the park.\nThe park is 200 years old.",
    ),
]
Case = dict[str, object]


def cases(
    model: Grader, folder: Path, limits: "Limits", pairs: Sequence[tuple[str, str]]
) -> list[Case]:
    """Probabilities for pairs of question and text."""
    tokenizer = PairTokenizer(str(folder / "tokenizer.json"), limits)
    found: list[Case] = []
    for question, text in pairs:
        [pair] = tokenizer.pairs([question], [text])
        with torch.inference_mode():
            answer, support = model(*map(torch.from_numpy, laid_in_rows([pair])))
        found.append(
            {
                "question": question,
                "text": text,
                "answer": float(answer.sigmoid()[0]),
                "support": [float(one) for one in support.sigmoid()[0]],
            }
        )
    return found


def loaded(
    config: BertConfig,
    weights: Mapping[str, NDArray[np.float32]],
    trained: Mapping[str, NDArray[np.float32]],
) -> Grader:
    """The torch model with the weights that the builder reads."""
    model = Grader(BertModel(config, add_pooling_layer=False), head=len(trained["sentence.bias"]))
    for name, value in {**weights, **trained}.items():
        holder = model.encoder if name.startswith(("encoder.", "embeddings.")) else model
        if not name.startswith("pooler."):
            holder.get_parameter(name).data = torch.from_numpy(np.array(value, np.float32))
    model.eval()
    return model


def main() -> None:
    """Write `grades.json`."""
    minilm = Path(sys.argv[1])
    real = loaded(
        BertConfig.from_pretrained(minilm),
        {
            name: v
            for name, v in load_file(minilm / "model.safetensors").items()
            if "_ids" not in name
        },
        read_trained(GRADER.path),
    )
    with tempfile.TemporaryDirectory() as scratch:
        weights, source = tiny_models.write_grader(Path(scratch))
        sizes = json.loads((weights.parent / "config.json").read_text())
        config = BertConfig(**sizes, vocab_size=len(tiny_models.WORDS), intermediate_size=32)
        tiny = loaded(config, load_file(weights), read_trained(source.path))
        reference = {
            "tiny": cases(tiny, weights.parent, Limits(pair=32, question=64, line=96), TINY),
            "real": cases(real, minilm, Limits(pair=384, question=64, line=96), REAL),
        }
    (HERE / "grades.json").write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    sys.path += [str(REPOSITORY / name / "1") for name in ("grader", "embedder")]
    from pairs import Limits, PairTokenizer, laid_in_rows

    main()
