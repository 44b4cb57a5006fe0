"""Attention caches of prompts' beginnings, kept for the next prompt that begins alike. Pure.

Kept in blocks of whole tokens. A block's key is a hash of all tokens up to its end, so that equal
keys mean equal beginnings. What was used longest ago goes first.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

BLOCK_TOKENS = 32
Block = NDArray[np.generic]


class PrefixCache:
    """Blocks by what they hold.

    Args:
        capacity_tokens: tokens that all blocks may hold together; 0 keeps nothing.
        block_tokens: of each block.
    """

    def __init__(self, capacity_tokens: int, block_tokens: int = BLOCK_TOKENS) -> None:
        self._capacity = capacity_tokens // block_tokens
        self._size = block_tokens
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()

    @property
    def tokens(self) -> int:
        """Tokens of all blocks."""
        return len(self._blocks) * self._size

    def match(self, ids: Sequence[int]) -> list[Block]:
        """Blocks of the longest known beginning, short of the last token.

        The last token is always left: what comes after it is not known without running it.
        """
        known: list[bytes] = []
        for key in self._keys(ids[:-1]):
            if key not in self._blocks:
                break
            known.append(key)
        for key in reversed(known):  # the beginning is worth most, so it is used last
            self._blocks.move_to_end(key)
        return [self._blocks[key] for key in known]

    def keep(self, ids: Sequence[int], read: Callable[[int, int], Block]) -> None:
        """Keep a prompt's whole blocks.

        Args:
            ids: the prompt's tokens.
            read: copies the cache of tokens `start` to `stop`.
        """
        keys = self._keys(ids)[: self._capacity]
        for place, key in enumerate(keys):
            if key not in self._blocks:
                self._blocks[key] = read(place * self._size, (place + 1) * self._size)
        for key in reversed(keys):
            self._blocks.move_to_end(key)
        while len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)

    def _keys(self, ids: Sequence[int]) -> list[bytes]:
        keys, digest = [], hashlib.blake2b(digest_size=16)
        for stop in range(self._size, len(ids) + 1, self._size):
            digest.update(np.asarray(ids[stop - self._size : stop], "<i8").tobytes())
            keys.append(digest.digest())
        return keys
