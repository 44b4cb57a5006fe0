"""What Triton's python backend opens; the model itself has a name that no other model has."""

import sys
from pathlib import Path

# The backend puts this folder last, where any installed package could shadow a module of ours.
# How texts are batched and graphs are opened is the embedder's, which is always there, too.
sys.path.insert(0, str(Path(__file__).parents[2] / "embedder" / "1"))
sys.path.insert(0, str(Path(__file__).parent))

from grader_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
