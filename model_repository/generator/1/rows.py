"""Sequences by row: prefill one, decode many. What the engine sees of the graphs and caches."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from caches import GrowingCache
from decoder import Decoder
from numpy.typing import NDArray

Logits = NDArray[np.float32]  # [vocabulary]


class Chunk(Protocol):
    """Part of a prompt on its way through the model, part by part."""

    @property
    def parts_left(self) -> int:
        """Parts of the model that have yet to run."""

    def advance(self) -> None:
        """Run one that is not the last."""

    def finish(self) -> NDArray[np.float32]:
        """Run those that are left; scores of what comes next, [1, vocabulary]."""


class Rows(Protocol):
    """Rows of sequences. Runs on different rows may go on at once; `alone` says that none do.

    Attributes:
        copies: whether `read`, `write` and `move` work.
    """

    copies: bool

    def start(self, row: int, ids: Sequence[int], held: int, *, alone: bool = True) -> Chunk:
        """Begin to append `ids` to a row that holds so many tokens."""

    def decode(
        self, tokens: Mapping[int, int], held: Mapping[int, int], *, alone: bool = True
    ) -> dict[int, Logits]:
        """Append one token to each row of `tokens`.

        Args:
            tokens: by row.
            held: tokens that each row in use holds, those that don't decode included, and those
                that are being appended.
            alone: whether nothing else runs.

        Returns:
            Scores of what comes next, by row.
        """

    def read(self, row: int, start: int, stop: int) -> NDArray[np.generic]:
        """A copy of some tokens of a row."""

    def write(self, row: int, start: int, values: NDArray[np.generic]) -> None:
        """Put such a copy into a row."""

    def move(self, row: int, to: int, tokens: int) -> None:
        """Move a row that holds `tokens`."""

    def release(self, row: int) -> None:
        """Forget a row."""


class SharedRows:
    """Rows of one cache that the graphs append to in place: all decode in one run.

    Args:
        decoder: runs the graphs.
        count: rows.
        capacity: tokens that each can hold.
    """

    def __init__(self, decoder: Decoder, count: int, capacity: int) -> None:
        self._decoder = decoder
        self._cache = decoder.shared_cache(count, capacity)
        self.copies = self._cache.on_host
        self.read = self._cache.read
        self.write = self._cache.write
        self.move = self._cache.move
        self.release = self._cache.release

    def start(self, row: int, ids: Sequence[int], held: int, *, alone: bool = True) -> Chunk:
        """See `Rows`."""
        view = self._cache.rows(row, row + 1, self._decoder.sessions(alone=alone))
        return self._decoder.start(np.array([ids], np.int64), [held + len(ids)], view)

    def decode(
        self, tokens: Mapping[int, int], held: Mapping[int, int], *, alone: bool = True
    ) -> dict[int, Logits]:
        """See `Rows`. Rows in between run too, with a token that the row's next one overwrites."""
        count = max(tokens) + 1
        ids = np.array([[tokens.get(row, 0)] for row in range(count)], np.int64)
        lengths = [held.get(row, 0) + 1 for row in range(count)]
        view = self._cache.rows(0, count, self._decoder.sessions(alone=alone))
        logits = self._decoder.run(ids, lengths, view)
        return {row: logits[row] for row in tokens}


class GrowingRows:
    """A cache for each row, and a run for each: for graphs that cannot append in place.

    Args:
        decoder: runs the graph.
    """

    copies = False

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._caches: dict[int, GrowingCache] = {}

    def start(self, row: int, ids: Sequence[int], held: int, *, alone: bool = True) -> Chunk:
        """See `Rows`."""
        del alone
        if held == 0:
            self._caches[row] = self._decoder.growing_cache()
        chunk = np.array([ids], np.int64)
        return self._decoder.start(chunk, [held + len(ids)], self._caches[row])

    def decode(
        self, tokens: Mapping[int, int], held: Mapping[int, int], *, alone: bool = True
    ) -> dict[int, Logits]:
        """See `Rows`."""
        del alone
        return {
            row: self.start(row, [token], held[row]).finish()[0] for row, token in tokens.items()
        }

    def read(self, row: int, start: int, stop: int) -> NDArray[np.generic]:
        """Not possible: `copies` says so."""
        raise NotImplementedError

    def write(self, row: int, start: int, values: NDArray[np.generic]) -> None:
        """Not possible: `copies` says so."""
        raise NotImplementedError

    def move(self, row: int, to: int, tokens: int) -> None:
        """Not possible: `copies` says so."""
        raise NotImplementedError

    def release(self, row: int) -> None:
        """See `Rows`."""
        self._caches.pop(row, None)


def new_rows(decoder: Decoder, count: int, capacity: int) -> Rows:
    """Rows of the kind that the graph can use."""
    if decoder.info.cache == "shared":
        return SharedRows(decoder, count, capacity)
    return GrowingRows(decoder)
