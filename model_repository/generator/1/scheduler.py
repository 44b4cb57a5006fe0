"""Decides which requests run, in which rows of the cache, and what the next step is. Pure.

A request waits in its lane, is seated in a row once a row and its tokens are free, has its prompt
prefilled chunk by chunk, then decodes until it leaves. Prompts are prefilled first come first
served, as many at a time as there are steps. Between two chunks, or two parts of the model that a
chunk passes, all others decode one token. Several steps may be under way at once: one that decodes,
the others each with a prompt of its own.
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
        busy: whether a step with it is under way.
    """

    request: T
    row: int
    prompt_tokens: int
    total_tokens: int
    cached: int = 0
    chunk_stop: int = 0
    busy: bool = False

    @property
    def decodes(self) -> bool:
        """Whether its whole prompt is in the cache."""
        return self.cached >= self.prompt_tokens

    @property
    def held(self) -> int:
        """Tokens whose places in its row are taken, those of a prompt under way included."""
        return max(self.cached, self.prompt_tokens)


@dataclass(frozen=True, slots=True)
class Prefill(Generic[T]):
    """A step: put the prompt's tokens from `seat.cached` to `seat.chunk_stop` into the cache.

    Attributes:
        seat: whose prompt it is.
        parts: of the model, to run of those that such a chunk has yet to pass.
        alone: whether there is nothing else to do.
    """

    seat: Seat[T]
    parts: int
    alone: bool

    @property
    def seats(self) -> Sequence[Seat[T]]:
        """Whom it concerns."""
        return [self.seat]


@dataclass(frozen=True, slots=True)
class Decode(Generic[T]):
    """A step: one more token for each of these.

    Attributes:
        seats: whom it concerns.
        alone: whether there is nothing else to do.
    """

    seats: Sequence[Seat[T]]
    alone: bool


class Scheduler(Generic[T]):
    """All requests of an engine.

    Args:
        rows: sequences that may run at once.
        cache_tokens: tokens that all running sequences may hold together.
        max_waiting: requests that may wait.
        pace: measures steps and sizes chunks.
        steps: that may be under way at once.
    """

    def __init__(
        self, *, rows: int, cache_tokens: int, max_waiting: int, pace: Pace, steps: int = 1
    ) -> None:
        self.pace, self.steps = pace, steps
        self._rows = rows
        self._free_tokens = cache_tokens
        self._max_waiting = max_waiting
        self._decode_rows = 0  # that a step under way computes; 0 if none does
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

        None while a prompt is prefilled for each step that may be under way: the later it is
        seated, the more is known of who comes first.
        """
        prompts = sum(not seat.decodes for seat in self._seats.values())
        if not len(self._waiting) or prompts >= self.steps:
            return None
        if self._waiting.first().total_tokens > self._free_tokens:
            return None
        # what such a step writes in rows between its seats' is of no use, and must hit nobody
        if not (free := set(range(self._decode_rows, self._rows)) - self._seats.keys()):
            return None
        one, row = self._waiting.popleft(), min(free)
        seat = Seat(one.request, row, one.prompt_tokens, one.total_tokens)
        self._seats[row] = seat
        self._free_tokens -= seat.total_tokens
        return seat

    def next(self) -> Prefill[T] | Decode[T] | None:
        """The next step: decode after each part of a chunk of a prompt; None if there is none.

        Its seats are busy until `done`.
        """
        step = self._next()
        for seat in step.seats if step else ():
            seat.busy = True
        return step

    def done(self, step: Prefill[T] | Decode[T]) -> None:
        """A step is no longer under way."""
        if isinstance(step, Decode):
            self._decode_rows = 0
        for seat in step.seats:
            seat.busy = False

    def _next(self) -> Prefill[T] | Decode[T] | None:
        decoding = [seat for seat in self.seats if seat.decodes]
        # in the order in which they were seated
        prompts = [one for one in self._seats.values() if not one.decodes and not one.busy]
        may_decode = decoding and not (self._decode_rows or any(seat.busy for seat in decoding))
        if prompts and not (may_decode and self._prefilled_last):
            self._prefilled_last = True
            # a step under way that decodes does not wait for this one
            return self._prefill(prompts[0], held_up=bool(may_decode))
        if not may_decode:
            return None
        self._prefilled_last, self._decode_rows = False, decoding[-1].row + 1
        return Decode(decoding, alone=self._concerns_all(len(decoding)))

    def _concerns_all(self, seats: int) -> bool:
        return seats == len(self._seats)  # who waits then finds no place

    def _prefill(self, seat: Seat[T], *, held_up: bool) -> Prefill[T]:
        if seat.chunk_stop <= seat.cached:
            tokens = self.pace.chunk(others_decode=held_up, waiting=self.waiting)
            seat.chunk_stop = min(seat.cached + tokens, seat.prompt_tokens)
        chunk = seat.chunk_stop - seat.cached
        parts = self.pace.parts(chunk, others_decode=held_up, waiting=self.waiting)
        return Prefill(seat, parts, alone=self._concerns_all(1))

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
        Call again until it gives None, which it does while a step is under way that concerns it.

        Returns:
            The request, its row already the new one, and the row that it had.
        """
        decoding = [seat for seat in self.seats if seat.decodes]
        free = set(range(self._rows)) - self._seats.keys()
        if not decoding or not free or min(free) > decoding[-1].row:
            return None
        if self._decode_rows or decoding[-1].busy:
            return None
        seat = self._seats.pop(decoding[-1].row)
        left, seat.row = seat.row, min(free)
        self._seats[seat.row] = seat
        return seat, left
