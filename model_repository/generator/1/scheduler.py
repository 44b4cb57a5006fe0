"""Runs jobs one after the other on a thread of its own, with a bound on how many may wait."""

import threading
import traceback
from typing import Protocol

from lanes import Lanes


class Job(Protocol):
    """Something to run in turn."""

    def run(self) -> None:
        """Do it and answer the caller; raises nothing."""

    def drop(self, reason: str) -> None:
        """Answer the caller without doing it; raises nothing."""

    def is_cancelled(self) -> bool:
        """Whether the caller has gone."""


class QueueFull(Exception):  # noqa: N818 - says what is the case
    """As many jobs wait already as may."""


class Scheduler:
    """A queue of jobs and the thread that runs them.

    Args:
        max_waiting: jobs that may wait behind the running one.
    """

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._waiting: Lanes[Job] = Lanes()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
        self._thread.start()

    def submit(self, job: Job, *, bulk: bool = False) -> None:
        """Queue a job, in the lane of bulk ones if it is one.

        Raises:
            QueueFull: too many wait, none of them cancelled.
        """
        with self._changed:
            full = len(self._waiting) >= self._max_waiting
            gone = self._waiting.remove(lambda other: other.is_cancelled()) if full else []
            full = len(self._waiting) >= self._max_waiting
            if not full:
                self._waiting.append(job, bulk=bulk)
                self._changed.notify()
        for other in gone:
            other.drop("cancelled while it waited")
        if full:
            raise QueueFull(f"queue is full: {self._max_waiting} requests wait already")

    def close(self) -> None:
        """Drop the waiting jobs, wait for the running one and end the thread."""
        with self._changed:
            self._closed = True
            dropped = self._waiting.remove(lambda _: True)
            self._changed.notify()
        for job in dropped:
            job.drop("the server is shutting down")
        self._thread.join()

    def _loop(self) -> None:
        while (job := self._next()) is not None:
            try:
                _run_or_drop(job)
            except Exception:  # noqa: BLE001 - one caller's trouble must not stop the queue
                traceback.print_exc()

    def _next(self) -> Job | None:
        """The next job, waited for; None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._waiting) > 0)
            return None if self._closed else self._waiting.popleft()


def _run_or_drop(job: Job) -> None:
    if job.is_cancelled():
        job.drop("cancelled while it waited")
    else:
        job.run()
