"""Makes the code of the Triton models importable, as their folders stand on Triton's path.

Import this first; then `import sampling` and the like work.
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1] / "model_repository"
DATA = Path(__file__).parent / "data"
MODELS = ("embedder", "generator", "grader", "reranker")
sys.path[:0] = [str(REPOSITORY / name / "1") for name in MODELS]
