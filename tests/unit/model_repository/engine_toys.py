"""A model, a request and meters that are toys, and an engine over them."""

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from engine import Engine
from generation import Generation, Piece
from numpy.typing import NDArray
from pace import Pace
from prefix_cache import PrefixCache
from rows import Logits
from sampling_parameters import SamplingParameters
from scheduler import Scheduler

from tests.unit.model_repository.test_detokenizer import TOKENIZER

END = 256
PARTS = 3


class ToyChunk:
    """Tokens that pass the parts of a toy."""

    def __init__(self, rows: "ToyRows", row: int, ids: Sequence[int]) -> None:
        self.rows, self.row, self.ids = rows, row, ids
        self.parts_left = PARTS

    def advance(self) -> None:
        assert self.parts_left > 1
        self.parts_left -= 1

    def finish(self) -> NDArray[np.float32]:
        self.parts_left = 0
        held = self.rows.read_by_row[self.row]
        places = range(len(held), len(held) + len(self.ids))
        assert not self.rows.spoilt.get(self.row, set()).intersection(places)
        held.extend(self.ids)
        self.rows.prefilled += len(self.ids)
        return self.rows.scores(held)[None]


class ToyRows:
    """A model that says the sum of all it has read; its cache is what it has read."""

    copies = True

    def __init__(self) -> None:
        self.read_by_row: dict[int, list[int]] = {}
        self.prefilled = 0
        self.broken = False
        self.alone: list[bool] = []
        self.spoilt: dict[int, set[int]] = {}  # places, by row
        self.seated: Callable[[], Sequence[int]] = list

    def start(self, row: int, ids: Sequence[int], held: int, *, alone: bool = True) -> ToyChunk:
        if self.broken:
            raise RuntimeError("out of order")
        self._row(row, held)
        self.alone.append(alone)
        return ToyChunk(self, row, ids)

    def decode(
        self, tokens: Mapping[int, int], held: Mapping[int, int], *, alone: bool = True
    ) -> dict[int, Logits]:
        self.alone.append(alone)
        for row in set(range(max(tokens))) - tokens.keys():  # those in between are written to, too
            self.spoilt.setdefault(row, set()).add(held.get(row, 0))
        for row, token in tokens.items():
            assert len(self.read_by_row[row]) == held[row]
            self.read_by_row[row].append(token)
        return {row: self.scores(self.read_by_row[row]) for row in tokens}

    def read(self, row: int, start: int, stop: int) -> NDArray[np.generic]:
        return np.array(self.read_by_row[row][start:stop]).reshape(1, 1, -1, 1)

    def write(self, row: int, start: int, values: NDArray[np.generic]) -> None:
        held = self._row(row, start)
        held.extend(int(value) for value in values.reshape(-1))

    def move(self, row: int, to: int, tokens: int) -> None:
        self.read_by_row[to] = self.read_by_row.pop(row)[:tokens]

    def _row(self, row: int, held: int) -> list[int]:
        """What a row has read, which is so much; all places are good again in an empty one."""
        if not held:
            self.spoilt.pop(row, None)
        known = self.read_by_row.setdefault(row, [])
        assert len(known) == held
        return known

    def release(self, row: int) -> None:
        assert row in self.seated()  # or it might be another's by now
        self.read_by_row.pop(row, None)
        self.spoilt.pop(row, None)

    @staticmethod
    def scores(held: list[int]) -> Logits:
        scores = np.zeros(END + 1, np.float32)
        scores[97 + sum(held) % 26] = 1.0
        return scores


class ToyTask:
    """A request that remembers what it was told."""

    def __init__(self, prompt: Sequence[int], tokens: int) -> None:
        parameters = SamplingParameters(max_tokens=tokens)
        self.generation = Generation(TOKENIZER, prompt, parameters, end_ids=(END,), room=500)
        self.text = self.fate = ""
        self.cancelled = False
        self.looks = 0
        self.ended = threading.Event()

    def is_cancelled(self) -> bool:
        self.looks += 1
        return self.cancelled

    def send(self, piece: Piece) -> None:
        assert not self.fate
        self.text += piece.text
        if piece.finish_reason:
            self._end(piece.finish_reason)

    def drop(self, reason: str) -> None:
        self._end(reason)

    def fail(self, exc: Exception) -> None:
        self._end(repr(exc))

    def _end(self, fate: str) -> None:
        self.fate = fate
        self.ended.set()


class Counts:
    """Meters that keep the last state."""

    found = 0
    turned_away = 0
    last = (0, 0, 0, 0)

    def prefilled(self, tokens: int, seconds: float) -> None:
        """Not of interest here."""

    def decoded(self, tokens: int, seconds: float) -> None:
        """Not of interest here."""

    def found_prefix(self, tokens: int) -> None:
        self.found += tokens

    def first_token(self, seconds: float) -> None:
        """Not of interest here."""

    def refused(self, requests: int) -> None:
        self.turned_away += requests

    def state(self, running: int, waiting: int, cached: int, prefixes: int) -> None:
        self.last = (running, waiting, cached, prefixes)


class Bench:
    """An engine whose turns the test takes itself, unless it is started."""

    def __init__(
        self, rows: int = 3, max_waiting: int = 50, look_every_s: float = 0.0, threads: int = 1
    ) -> None:
        self.rows, self.counts, self.now_s = ToyRows(), Counts(), 0.0
        scheduler: Scheduler[object] = Scheduler(
            rows=rows,
            cache_tokens=1000,
            max_waiting=max_waiting,
            pace=Pace(32, 1.0, PARTS),
            steps=threads,
        )
        self.rows.seated = lambda: [seat.row for seat in scheduler.seats]
        self.engine = Engine(
            self.rows,
            scheduler,  # type: ignore[arg-type] # the engine's own item type is its own business
            PrefixCache(640),
            self.counts,
            lambda: self.now_s,
            look_every_s,
        )

    def finish(self) -> None:
        for _ in range(10_000):
            if not self.engine.turn():
                return
        raise AssertionError("never finished")
