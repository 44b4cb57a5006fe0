"""From a trained grader to the file that is kept: only what was trained, in eight bits.

    python -m training.grader.export RUN/grader.pt services/model_builder/grader.safetensors

Its hash, printed, belongs into services/model_builder/sources.py.
"""

import argparse
from pathlib import Path

import torch

from services.model_builder.grader_weights import write_trained
from services.model_builder.sources import sha256_of
from training.grader.model import FROZEN, mean

UNTRAINED = ("embeddings.", *(f"encoder.layer.{layer}." for layer in range(FROZEN)))


def main() -> None:
    """Export the mean of some states of one lineage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", type=Path, nargs="+")
    parser.add_argument("target", type=Path)
    asked = parser.parse_args()
    kept = mean([torch.load(path) for path in asked.states])
    tensors = {name.removeprefix("encoder."): value.numpy() for name, value in kept.items()}
    # The encoder's own "encoder.layer…" loses only the first of its two prefixes.
    trained = {name: value for name, value in tensors.items() if not name.startswith(UNTRAINED)}
    write_trained(asked.target, trained)
    print(f"{asked.target}: {asked.target.stat().st_size / 1e6:.1f} MB")
    print(f"sha256 {sha256_of(asked.target)}")


if __name__ == "__main__":
    main()
