"""Requests in flight, over rows that remember what they were fed."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pytest
from engine import Engine
from generation import Generation, Piece
from numpy.typing import NDArray
from pace import Pace
from prefix_cache import PrefixCache
from rows import Logits
from sampling_parameters import SamplingParameters
from scheduler import QueueFull, Scheduler

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
            threads,
        )

    def finish(self) -> None:
        for _ in range(10_000):
            if not self.engine.turn():
                return
        raise AssertionError("never finished")


def alone(prompt: Sequence[int], tokens: int) -> str:
    bench, task = Bench(), ToyTask(prompt, tokens)
    bench.engine.submit(task)
    bench.finish()
    return task.text


def random_task(rng: np.random.Generator) -> ToyTask:
    prompt = [7] * 40 + rng.integers(0, 50, rng.integers(1, 90)).tolist()
    return ToyTask(prompt, int(rng.integers(1, 30)))


@pytest.mark.parametrize("seed", range(5))
def test_together_each_says_what_it_says_alone(seed: int) -> None:
    """Requests that join and leave would read each other's tokens."""
    rng, bench = np.random.default_rng(seed), Bench()
    tasks = [random_task(rng) for _ in range(16)]
    for task in tasks:
        bench.engine.submit(task)
        for _ in range(rng.integers(0, 9)):
            bench.engine.turn()
    bench.finish()
    for task in tasks:
        assert task.text == alone(task.generation.prompt_ids, task.generation.limit)
    assert bench.counts.last[:3] == (0, 0, 0)
    assert bench.rows.read_by_row == {}


def test_random_cancels_leak_no_row_and_change_no_other() -> None:
    """A cancelled request would hold its row for ever, or spoil its neighbours' text."""
    rng, bench = np.random.default_rng(1), Bench(max_waiting=200)
    tasks = [random_task(rng) for _ in range(130)]
    for task in tasks:
        bench.engine.submit(task)
    for task in rng.permutation(np.array(tasks, object))[:100]:
        for _ in range(rng.integers(0, 5)):
            bench.engine.turn()
        task.cancelled = True
    bench.finish()
    for task in tasks:
        whole = alone(task.generation.prompt_ids, task.generation.limit)
        assert task.fate in ("length", "cancelled", "cancelled while it waited")
        assert whole == task.text if task.fate == "length" else whole.startswith(task.text)
    assert bench.counts.last[:3] == (0, 0, 0)
    assert bench.rows.read_by_row == {}


@pytest.fixture
def hasty_switches() -> Iterator[None]:
    """Threads take turns far more often than usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.usefixtures("hasty_switches")
def test_on_several_threads_each_says_what_it_says_alone(threads: int) -> None:
    """Steps at once would take each other's rows or tokens, or lose a cancelled request's."""
    rng, bench = np.random.default_rng(threads), Bench(rows=6, max_waiting=300, threads=threads)
    tasks = [random_task(rng) for _ in range(150)]
    bench.engine.start()
    for number, task in enumerate(tasks):
        bench.engine.submit(task)
        task.cancelled = number % 3 == 0
    for task in tasks:
        assert task.ended.wait(30)
    bench.engine.close()
    for task in tasks:
        whole = alone(task.generation.prompt_ids, task.generation.limit)
        assert task.fate in ("length", "cancelled", "cancelled while it waited")
        assert whole == task.text if task.fate == "length" else whole.startswith(task.text)
    assert sum(task.fate == "length" for task in tasks) >= 100
    assert bench.rows.read_by_row == {}


@pytest.mark.usefixtures("hasty_switches")
def test_threads_end_whenever_they_are_told_to() -> None:
    """Triton would wait for a thread for ever that had just looked for work, or was at it."""
    for number in range(200):
        bench, tasks = Bench(threads=2), [ToyTask([1] * 50, 400) for _ in range(3)]
        bench.engine.start()
        for task in tasks[: number % 4]:
            bench.engine.submit(task)
        bench.engine.close()
        for task in tasks[: number % 4]:
            assert task.fate == "the server is shutting down"


def test_threads_go_on_after_a_step_has_failed() -> None:
    """One broken run would leave its row taken, and nobody would decode again."""
    bench, good = Bench(threads=2), ToyTask([1], 2)
    broken = [ToyTask([1], 2) for _ in range(4)]
    bench.rows.broken = True
    bench.engine.start()
    for task in broken:
        bench.engine.submit(task)
        assert task.ended.wait(30)
        assert "out of order" in task.fate
    bench.rows.broken = False
    bench.engine.submit(good)
    assert good.ended.wait(30)
    bench.engine.close()
    assert good.fate == "length"


def test_a_run_knows_whether_it_is_alone() -> None:
    """A lone question would have some of the cores, or several runs would have all of them."""
    bench = Bench(threads=2)
    bench.engine.submit(ToyTask([1] * 40, 3))
    bench.finish()
    assert bench.rows.alone == [True] * 4  # two chunks, two tokens after the first
    for _ in range(2):
        bench.engine.submit(ToyTask([1] * 20, 2))
    bench.finish()
    # a prompt and a token while the other waits or has been seated, then the other one itself
    assert bench.rows.alone[4:] == [False, False, True, True]


def test_callers_are_asked_now_and_then_whether_they_have_gone() -> None:
    """Each step would wait for an answer from another process, or a row be held for nobody."""
    bench, task = Bench(look_every_s=0.5), ToyTask([7], 100)
    bench.engine.submit(task)
    for _ in range(20):
        bench.engine.turn()
        bench.now_s += 0.1
    assert 2 <= task.looks <= 6
    task.cancelled = True
    bench.now_s += 0.5
    bench.engine.turn()
    assert task.fate == "cancelled"


def test_a_known_beginning_is_not_computed_again() -> None:
    """The same document asked 28 questions would be read 28 times."""
    bench = Bench()
    tasks = [ToyTask([5] * 128 + [question] * 6, 3) for question in range(28)]
    for task in tasks:
        bench.engine.submit(task)
    bench.finish()
    assert bench.rows.prefilled == 128 + 28 * 6
    assert bench.counts.found == 27 * 128


def test_a_full_queue_refuses_unless_somebody_has_gone() -> None:
    """Those who left would keep the living out."""
    bench = Bench(max_waiting=1)
    gone = ToyTask([1], 1)
    bench.engine.submit(gone)
    with pytest.raises(QueueFull):
        bench.engine.submit(ToyTask([1], 1))
    gone.cancelled = True
    last = ToyTask([1], 1)
    bench.engine.submit(last)
    assert gone.fate == "cancelled while it waited"
    bench.finish()
    assert last.fate == "length"
    assert bench.counts.turned_away == 1


def test_a_failing_step_ends_its_requests_and_not_the_engine() -> None:
    """One broken run would hang every later request."""
    bench, broken, good = Bench(), ToyTask([1], 2), ToyTask([1], 2)
    bench.rows.broken = True
    bench.engine.submit(broken)
    bench.finish()
    assert "out of order" in broken.fate
    bench.rows.broken = False
    bench.engine.submit(good)
    bench.finish()
    assert good.fate == "length"


def test_closing_drops_who_runs_and_who_waits() -> None:
    """A caller would wait for ever for a server that has gone."""
    bench = Bench(rows=1)
    running, waiting = ToyTask([1], 400), ToyTask([1], 1)
    bench.engine.submit(running)
    bench.engine.turn()
    bench.engine.submit(waiting)
    bench.engine.close()
    assert (running.fate, waiting.fate) == ("the server is shutting down",) * 2


def test_a_thread_serves_who_comes_later() -> None:
    """An idle engine would never wake up."""
    bench, task = Bench(), ToyTask([1], 2)
    bench.engine.start()
    bench.engine.submit(task)
    bench.engine.close()
    assert task.fate in ("length", "the server is shutting down")
