"""Turns a memory setting into rows and tokens of the cache. Pure."""

from dataclasses import dataclass

from decoder import DecoderInfo
from generator_settings import GeneratorSettings

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of the caches.

    Attributes:
        rows: sequences that may run at once.
        capacity_tokens: the longest sequence.
        cache_tokens: tokens that all running sequences may hold together.
        prefix_tokens: tokens of kept beginnings.
    """

    rows: int
    capacity_tokens: int
    cache_tokens: int
    prefix_tokens: int


def size(settings: GeneratorSettings, info: DecoderInfo, *, on_host: bool) -> Sizes:
    """Size the caches.

    A CPU hands out memory as it is written, so each row may be as long as the context and only
    the tokens in use count. A device's memory is taken at once, so rows share it evenly.

    Raises:
        ValueError: the memory does not hold a single useful sequence.
    """
    token_bytes = info.cache_shape().token_bytes()
    tokens = settings.cache_mib * MIB // token_bytes
    share = tokens if on_host else tokens // settings.max_running
    capacity = min(info.context_tokens, share)
    if share < min(settings.chunk_tokens, info.context_tokens):
        raise ValueError(
            f"cache_mib {settings.cache_mib} holds {share} tokens a sequence, fewer than one "
            f"chunk of {settings.chunk_tokens}; a token takes {token_bytes} bytes"
        )
    return Sizes(
        rows=settings.max_running,
        capacity_tokens=capacity,
        cache_tokens=tokens,
        prefix_tokens=settings.prefix_cache_mib * MIB // token_bytes if on_host else 0,
    )
