"""Jobs run in turn, and no more wait than may."""

import threading

import pytest
from scheduler import QueueFull, Scheduler

WAIT_S = 5


class RecordedJob:
    """Remembers what became of it; can be made to take its time."""

    def __init__(self, *, held: bool = False) -> None:
        self.fate = ""
        self.cancelled = False
        self.started = threading.Event()
        self.done = threading.Event()
        self.release = threading.Event()
        if not held:
            self.release.set()

    def run(self) -> None:
        self.started.set()
        assert self.release.wait(WAIT_S)
        self.fate = "ran"
        self.done.set()

    def drop(self, reason: str) -> None:
        self.fate = reason
        self.done.set()

    def is_cancelled(self) -> bool:
        return self.cancelled


def test_jobs_run_one_after_the_other() -> None:
    """Otherwise two answers would share one cache."""
    scheduler = Scheduler(max_waiting=2)
    first, second = RecordedJob(held=True), RecordedJob()
    scheduler.submit(first)
    assert first.started.wait(WAIT_S)
    scheduler.submit(second)
    assert not second.started.is_set()
    first.release.set()
    assert second.done.wait(WAIT_S)
    scheduler.close()
    assert (first.fate, second.fate) == ("ran", "ran")


def test_a_full_queue_refuses() -> None:
    """Otherwise requests would pile up without bound and all time out."""
    scheduler = Scheduler(max_waiting=1)
    running, waiting = RecordedJob(held=True), RecordedJob()
    scheduler.submit(running)
    assert running.started.wait(WAIT_S)
    scheduler.submit(waiting)
    with pytest.raises(QueueFull, match="queue is full: 1 requests wait"):
        scheduler.submit(RecordedJob())
    waiting.cancelled = True  # the cancelled one makes room
    last = RecordedJob()
    scheduler.submit(last)
    assert waiting.fate == "cancelled while it waited"
    running.release.set()
    assert last.done.wait(WAIT_S)
    scheduler.close()


def test_a_cancelled_job_is_not_run() -> None:
    """Otherwise answers nobody waits for would be computed."""
    scheduler = Scheduler(max_waiting=5)
    running, waiting = RecordedJob(held=True), RecordedJob()
    scheduler.submit(running)
    assert running.started.wait(WAIT_S)
    scheduler.submit(waiting)
    waiting.cancelled = True
    running.release.set()
    assert waiting.done.wait(WAIT_S)
    scheduler.close()
    assert waiting.fate == "cancelled while it waited"


def test_a_job_that_fails_does_not_stop_the_queue(capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise one broken response would hang every later request."""

    class BrokenJob(RecordedJob):
        def run(self) -> None:
            raise RuntimeError("the response could not be sent")

    scheduler = Scheduler(max_waiting=5)
    scheduler.submit(BrokenJob())
    good = RecordedJob()
    scheduler.submit(good)
    assert good.done.wait(WAIT_S)
    scheduler.close()
    assert "could not be sent" in capsys.readouterr().err


def test_closing_finishes_the_running_and_drops_the_waiting() -> None:
    """Otherwise a caller would wait for ever for a server that has gone."""
    scheduler = Scheduler(max_waiting=5)
    running, waiting = RecordedJob(held=True), RecordedJob()
    scheduler.submit(running)
    assert running.started.wait(WAIT_S)
    scheduler.submit(waiting)
    threading.Timer(0.05, running.release.set).start()
    scheduler.close()
    assert (running.fate, waiting.fate) == ("ran", "the server is shutting down")
