"""Requests in flight, over rows that remember what they were fed."""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from scheduler import QueueFull

from tests.unit.model_repository.engine_toys import Bench, ToyTask


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
