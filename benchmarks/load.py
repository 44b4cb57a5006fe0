"""A closed loop: so many clients, each sending its next request when its last one is done."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.prompts import Request


class System(Protocol):
    """A server under measurement."""

    def stream(self, request: Request) -> AsyncIterator[int]:
        """Send a request; yields how many tokens each piece of text brought, as it comes."""

    async def close(self) -> None:
        """Close the connections to it."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one request met; times in seconds of one clock.

    Attributes:
        prompt_tokens: length of the prompt.
        new_tokens: tokens generated.
        sent_s: when it was sent.
        first_s: when its first token came.
        last_s: when its last token came.
        longest_gap_s: longest wait between two pieces of its text.
    """

    prompt_tokens: int
    new_tokens: int
    sent_s: float
    first_s: float
    last_s: float
    longest_gap_s: float


class WrongLengthError(Exception):
    """A server generated another number of tokens than it was asked for: no fair comparison."""


async def run(
    system: System,
    requests: Sequence[Request],
    clients: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Outcome]:
    """Send all requests, in their order, at most `clients` at a time.

    Raises:
        WrongLengthError: see there.
    """
    waiting = iter(requests)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_client(system, waiting, clock)) for _ in range(clients)]
    return [outcome for task in tasks for outcome in task.result()]


async def _client(
    system: System, waiting: Iterator[Request], clock: Callable[[], float]
) -> list[Outcome]:
    return [await _measure(system, request, clock) for request in waiting]


async def _measure(system: System, request: Request, clock: Callable[[], float]) -> Outcome:
    sent_s = clock()
    times_s, tokens = [], 0
    async for count in system.stream(request):
        tokens += count
        if count:
            times_s.append(clock())
    if tokens != request.new_tokens:
        raise WrongLengthError(f"{tokens} tokens came where {request.new_tokens} were asked for")
    gaps_s = (later - earlier for earlier, later in itertools.pairwise(times_s))
    return Outcome(
        prompt_tokens=request.prompt_tokens,
        new_tokens=tokens,
        sent_s=sent_s,
        first_s=times_s[0],
        last_s=times_s[-1],
        longest_gap_s=max(gaps_s, default=0.0),
    )
