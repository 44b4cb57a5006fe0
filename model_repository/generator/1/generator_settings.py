"""The model's settings: parameters of config.pbtxt, each with a variable that wins over it.

The embedder reads its own in the same way: a model's folder stands alone.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

PREFIX = "RAGSTREAM_TRITON_GENERATOR_"
BOUNDS: Mapping[str, tuple[float, float]] = {
    "threads": (0, 1024),
    "runs_at_once": (1, 64),
    "max_running": (1, 1024),
    "max_waiting": (0, 100_000),
    "cache_mib": (16, 10_000_000),
    "prefix_cache_mib": (0, 10_000_000),
    "chunk_tokens": (16, 65_536),
    "decode_stall": (0.1, 1000),
}


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings:
    """See config.pbtxt for what each one does."""

    threads: int
    runs_at_once: int
    max_running: int
    max_waiting: int
    cache_mib: int
    prefix_cache_mib: int
    chunk_tokens: int
    decode_stall: float

    @classmethod
    def read(cls, parameters: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Self:
        """Read the settings.

        Args:
            parameters: of config.pbtxt, as Triton gives them.
            environ: variables.

        Raises:
            ValueError: a variable is unknown, or a value no number or out of its bounds.
        """
        given = {key: part["string_value"] for key, part in parameters.items() if key in BOUNDS}
        variables = {
            k.removeprefix(PREFIX).lower(): v for k, v in environ.items() if k.startswith(PREFIX)
        }
        if unknown := sorted(variables.keys() - BOUNDS.keys()):
            known = ", ".join(f"{PREFIX}{name.upper()}" for name in BOUNDS)
            raise ValueError(f"unknown setting {PREFIX}{unknown[0].upper()}; known: {known}")
        kinds = cls.__annotations__
        texts = (given | variables).items()
        return cls(**{name: _number(name, kinds[name], text) for name, text in texts})


def _number(name: str, kind: Callable[[str], Any], text: str) -> Any:
    least, most = BOUNDS[name]
    try:
        value = kind(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise ValueError(f"{PREFIX}{name.upper()} must be from {least} to {most}, not {text!r}")
    return value
