"""Where benchmarks keep what they download and build, and how a missing piece is put there."""

from pathlib import Path

from tests.built_models import wheel_cache

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "benchmarks"
LLAMA = CACHE / "llama.cpp"
GGUF = CACHE / "gguf"
TRITON = CACHE / "triton"
LOGS = CACHE / "logs"
WHEELS = wheel_cache()
SET_UP = "make bench"
