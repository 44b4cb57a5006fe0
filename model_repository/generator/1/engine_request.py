"""What the engine knows of a request, and what it asks of those around it."""

from typing import Protocol

from generation import Generation, Piece
from rows import Chunk


class Task(Protocol):
    """A request as its caller made it."""

    generation: Generation

    def is_cancelled(self) -> bool:
        """Whether the caller has gone."""

    def send(self, piece: Piece) -> None:
        """Give a part of the answer to the caller; the one with a finish reason is the last."""

    def drop(self, reason: str) -> None:
        """Tell the caller that no (more) answer comes, since it was cancelled."""

    def fail(self, exc: Exception) -> None:
        """Tell the caller what went wrong."""


class Meters(Protocol):
    """Is told what happens."""

    def prefilled(self, tokens: int, seconds: float) -> None:
        """So many more tokens of a prompt are computed; 0 while a chunk has parts left."""

    def decoded(self, tokens: int, seconds: float) -> None:
        """A token for each of so many answers was computed."""

    def found_prefix(self, tokens: int) -> None:
        """A prompt began with so many tokens that were known already."""

    def first_token(self, seconds: float) -> None:
        """An answer's first token came so long after its request."""

    def refused(self, requests: int) -> None:
        """So many requests were turned away, since too many waited."""

    def state(self, running: int, waiting: int, cached: int, prefixes: int) -> None:
        """Requests that run and wait; tokens of running sequences and of kept prefixes."""


class Run:
    """A request in the engine.

    Args:
        task: the caller's.
        began: when it came, by the engine's clock.

    Attributes:
        chunk: of its prompt, that has parts of the model left to pass.
    """

    def __init__(self, task: Task, began: float) -> None:
        self.task = task
        self.began = began
        self.chunk: Chunk | None = None
