"""sentence-transformers' encode, in an environment of its own that has torch.

    PYTHON -m benchmarks.peers.sentence_encoder MODEL_FOLDER TEXTS.json THREADS

prints the seconds that `encode` took, after a warm-up. It imports nothing of this project.
"""

import json
import sys
import time
from pathlib import Path

import sentence_transformers
import torch

WARM_UP = 32


def main(model_folder: str, texts_file: str, threads: str) -> None:
    """Encode all texts with the library's defaults."""
    torch.set_num_threads(int(threads))
    model = sentence_transformers.SentenceTransformer(model_folder, device="cpu")
    texts = json.loads(Path(texts_file).read_bytes())
    model.encode(texts[:WARM_UP])
    begun = time.perf_counter()
    model.encode(texts, normalize_embeddings=True)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - begun}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
