"""Decides which requests run, in which rows of the cache, and what the next step is. Pure.

A request waits in its lane, is seated in a row once a row and its tokens are free, has its prompt
prefilled chunk by chunk, then decodes until it leaves. One prompt is prefilled at a time, first
come first served. Between two of its chunks, or two parts of the model that a chunk passes, all
others decode one token.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lanes import Lanes
from pace import Pace

T = TypeVar("T")


class QueueFull(Exception):  # noqa: N818 - says what is the case
    """As many requests wait already as may."""


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T]):
    """A request that waits.

    Attributes:
        request: the caller's.
        prompt_tokens: to prefill.
        total_tokens: most tokens that it will hold in the cache.
    """

    request: T
    prompt_tokens: int
    total_tokens: int


@dataclass(slots=True, eq=False)
class Seat(Generic[T]):
    """A running request.

    Attributes:
        request: the caller's.
        row: of the cache.
        prompt_tokens: to prefill.
        total_tokens: most tokens that it will hold in the cache.
        cached: tokens that it holds in the cache.
        chunk_stop: where the last chunk of its prompt ends, be it done or under way.
    """

    request: T
    row: int
    prompt_tokens: int
    total_tokens: int
    cached: int = 0
    chunk_stop: int = 0

    @property
    def decodes(self) -> bool:
        """Whether its whole prompt is in the cache."""
        return self.cached >= self.prompt_tokens

    @property
    def held(self) -> int:
        """Tokens whose places in its row are taken, those of a chunk under way included."""
        return max(self.cached, self.chunk_stop)


@dataclass(frozen=True, slots=True)
class Prefill(Generic[T]):
    """A step: put the prompt's tokens from `seat.cached` to `seat.chunk_stop` into the cache.

    Attributes:
        seat: whose prompt it is.
        parts: of the model, to run of those that such a chunk has yet to pass.
    """

    seat: Seat[T]
    parts: int


@dataclass(frozen=True, slots=True)
class Decode(Generic[T]):
    """A step: one more token for each of these."""

    seats: Sequence[Seat[T]]


class Scheduler(Generic[T]):
    """All requests of an engine.

    Args:
        rows: sequences that may run at once.
        cache_tokens: tokens that all running sequences may hold together.
        max_waiting: requests that may wait.
        pace: measures steps and sizes chunks.
    """

    def __init__(self, *, rows: int, cache_tokens: int, max_waiting: int, pace: Pace) -> None:
        self.pace = pace
        self._rows = rows
        self._free_tokens = cache_tokens
        self._max_waiting = max_waiting
        self._waiting: Lanes[Waiting[T]] = Lanes()
        self._seats: dict[int, Seat[T]] = {}
        self._prefilled_last = False

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @property
    def seats(self) -> Sequence[Seat[T]]:
        """Running requests, by row."""
        return [self._seats[row] for row in sorted(self._seats)]

    def submit(self, waiting: Waiting[T], *, bulk: bool = False) -> None:
        """Let a request wait, in the lane of bulk ones if it is one.

        Raises:
            QueueFull: too many wait already.
        """
        if len(self._waiting) >= self._max_waiting:
            raise QueueFull(f"queue is full: {self._max_waiting} requests wait already")
        self._waiting.append(waiting, bulk=bulk)

    def withdraw(self, chosen: Callable[[T], bool]) -> list[T]:
        """Take out all waiting requests of which `chosen` says so."""
        return [one.request for one in self._waiting.remove(lambda one: chosen(one.request))]

    def admit(self) -> Seat[T] | None:
        """Seat the next request in the lowest free row, if a row and its tokens are free.

        None while another prompt is prefilled: the later it is seated, the more is known of who
        comes first.
        """
        if not len(self._waiting) or any(not seat.decodes for seat in self._seats.values()):
            return None
        if len(self._seats) >= self._rows or self._waiting.first().total_tokens > self._free_tokens:
            return None
        one = self._waiting.popleft()
        row = min(set(range(self._rows)) - self._seats.keys())
        seat = Seat(one.request, row, one.prompt_tokens, one.total_tokens)
        self._seats[row] = seat
        self._free_tokens -= seat.total_tokens
        return seat

    def next(self) -> Prefill[T] | Decode[T] | None:
        """The next step: decode after each part of a chunk of a prompt; None if nothing runs."""
        decoding = [seat for seat in self.seats if seat.decodes]
        prefilling = [seat for seat in self.seats if not seat.decodes]
        if prefilling and not (decoding and self._prefilled_last):
            self._prefilled_last = True
            return self._prefill(prefilling[0], others_decode=bool(decoding))
        self._prefilled_last = False
        return Decode(decoding) if decoding else None

    def _prefill(self, seat: Seat[T], *, others_decode: bool) -> Prefill[T]:
        if seat.chunk_stop <= seat.cached:
            tokens = self.pace.chunk(others_decode=others_decode, waiting=self.waiting)
            seat.chunk_stop = min(seat.cached + tokens, seat.prompt_tokens)
        chunk = seat.chunk_stop - seat.cached
        parts = self.pace.parts(chunk, others_decode=others_decode, waiting=self.waiting)
        return Prefill(seat, parts)

    def holds(self, seat: Seat[T]) -> bool:
        """Whether the request still runs."""
        return self._seats.get(seat.row) is seat

    def leave(self, seat: Seat[T]) -> None:
        """A request ends; its row and tokens are free."""
        del self._seats[seat.row]
        self._free_tokens += seat.total_tokens

    def compact(self) -> tuple[Seat[T], int] | None:
        """Move a decoding request to a lower free row.

        A decode step computes all rows up to its highest, so rows in between should be in use.
        Call again until it gives None.

        Returns:
            The request, its row already the new one, and the row that it had.
        """
        decoding = [seat for seat in self.seats if seat.decodes]
        free = set(range(self._rows)) - self._seats.keys()
        if not decoding or not free or min(free) > decoding[-1].row:
            return None
        seat = self._seats.pop(decoding[-1].row)
        left, seat.row = seat.row, min(free)
        self._seats[seat.row] = seat
        return seat, left
