"""A closed loop over lines of JSON, for programs in environments of their own: stdlib alone.

A program says `{"ready": true}` once it can answer. Each line that it is given,
`{"questions": […], "clients": N}`, it answers with one line, `{"outcomes": […]}`, each outcome as
`Outcome` has it; with `"each": true`, a line `{"answered": QUESTION}` comes before that for each.
It ends when its input does.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

First = Callable[[], None]


class Said(TypedDict, total=False):
    """What an asker can tell of an answer: the prompt itself, or its length in tokens.

    And milliseconds that a stage had it waiting and worked on it, by its name.
    """

    prompt: str
    prompt_tokens: int
    new_tokens: int
    stages_ms: dict[str, tuple[float, float]]


class Outcome(Said):
    """One answer; times in seconds of the program's own clock."""

    asked_s: float
    first_s: float
    done_s: float


def serve_threads(ask: Callable[[str, First], Said]) -> None:
    """Serve with a function that blocks: a thread for each client.

    Args:
        ask: given a question, and what to call at the answer's first token.
    """
    wire = _Wire()

    def one(question: str) -> Outcome:
        clock = _Clock()
        outcome = clock.outcome(ask(question, clock.first))
        wire.answered(question)
        return outcome

    for questions, clients in wire.lines():
        with ThreadPoolExecutor(clients) as pool:
            wire.say({"outcomes": list(pool.map(one, questions))})


async def serve_tasks(ask: Callable[[str, First], Awaitable[Said]]) -> None:
    """Serve with a coroutine function: a task for each client."""
    wire = _Wire()

    async def client(waiting: Iterator[str]) -> list[Outcome]:
        found = []
        for question in waiting:
            clock = _Clock()
            found.append(clock.outcome(await ask(question, clock.first)))
            wire.answered(question)
        return found

    lines = wire.lines()
    while (line := await asyncio.to_thread(next, lines, None)) is not None:
        waiting = iter(line[0])
        done = await asyncio.gather(*(client(waiting) for _ in range(line[1])))
        wire.say({"outcomes": [outcome for found in done for outcome in found]})


class _Clock:
    """Times of one answer."""

    def __init__(self) -> None:
        self._asked_s = time.perf_counter()
        self._first_s = 0.0

    def first(self) -> None:
        self._first_s = self._first_s or time.perf_counter()

    def outcome(self, said: Said) -> Outcome:
        done_s = time.perf_counter()
        first_s = self._first_s or done_s
        return Outcome(**said, asked_s=self._asked_s, first_s=first_s, done_s=done_s)


class _Wire:
    """Lines in and out. What libraries print goes to stderr from here on."""

    def __init__(self) -> None:
        self._each = False
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)
        self.say({"ready": True})

    def say(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps(message) + "\n")

    def answered(self, question: str) -> None:
        if self._each:
            self.say({"answered": question})

    def lines(self) -> Iterator[tuple[list[str], int]]:
        for line in sys.stdin:
            asked = json.loads(line)
            self._each = asked.get("each", False)
            yield asked["questions"], asked["clients"]
