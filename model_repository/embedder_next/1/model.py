"""What Triton's python backend opens; the model itself has a name that no other model has."""

import sys
from pathlib import Path

# The code is the embedder's, which is always there, too: only the weights are others.
sys.path.insert(0, str(Path(__file__).parents[2] / "embedder" / "1"))

import embedder_model


class TritonPythonModel(embedder_model.TritonPythonModel):
    """The embedder with the weights of this folder."""

    folder = Path(__file__).parent
