"""The closed loop, against a system whose clock is the test's own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from benchmarks import load
from benchmarks.prompts import Request


class Clock:
    """Seconds that pass when the system says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Scripted:
    """Answers each request with pieces of two tokens, a second apart."""

    def __init__(self, clock: Clock, *, missing: int = 0) -> None:
        self.clock = clock
        self.missing = missing
        self.order: list[str] = []
        self.running = self.most_running = 0

    async def stream(self, request: Request) -> AsyncIterator[int]:
        self.order.append(request.prompt)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        for _ in range((request.new_tokens - self.missing) // 2):
            await asyncio.sleep(0)
            self.clock.now_s += 1
            yield 2
        yield 0  # a last event without a token
        self.running -= 1

    async def close(self) -> None:
        """Nothing is open."""


def requests(count: int) -> list[Request]:
    return [Request(prompt=str(n), prompt_tokens=7, new_tokens=4) for n in range(count)]


async def test_times_of_one_request() -> None:
    """Time to the first token would include the others, or the last event without a token."""
    clock = Clock()
    (found,) = await load.run(Scripted(clock), requests(1), clients=1, clock=clock)
    assert (found.sent_s, found.first_s, found.last_s, found.longest_gap_s) == (0, 1, 2, 1)
    assert (found.prompt_tokens, found.new_tokens) == (7, 4)


@pytest.mark.parametrize("clients", [1, 3])
async def test_so_many_clients_ask_at_once_in_the_given_order(clients: int) -> None:
    """The two systems would meet different loads."""
    clock = Clock()
    system = Scripted(clock)
    found = await load.run(system, requests(7), clients=clients, clock=clock)
    assert len(found) == 7
    assert system.order == [str(n) for n in range(7)]
    assert system.most_running == clients


async def test_an_answer_of_another_length_is_refused() -> None:
    """A system that stops early would look fast."""
    clock = Clock()
    with pytest.raises(ExceptionGroup) as caught:
        await load.run(Scripted(clock, missing=2), requests(1), clients=1, clock=clock)
    assert caught.group_contains(load.WrongLengthError)
