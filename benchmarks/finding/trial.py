"""What a measurement of speed tries."""

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.retriever.search import VectorIndex


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is measured at every size.

    Attributes:
        questions: asked, each once by each number of clients.
        vectors: the index; its `ef_runtime` is the default that CLIENTS are measured with.
        efs: other numbers of candidates to try, with one client.
        lock: a file that is locked (flock) while searches are timed: others on this machine that
            heed it wait meanwhile, and need not while an index is filled for an hour.
    """

    questions: int
    vectors: VectorIndex
    efs: Sequence[int] = ()
    lock: Path | None = None

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock."""
        if self.lock is None:
            yield
            return
        with self.lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
