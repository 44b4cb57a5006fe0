"""What becomes of 100 questions when a process is killed in the middle of them.

Model time is simulated. ragstream's parts are kept alive by the supervisor of `ragstream up`; a
peer is one process, and what it had in hand or waiting was nowhere else.
"""

import asyncio
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import redis.exceptions as redis_errors

from benchmarks.asking import program, stack, systems
from benchmarks.asking.program import Program
from shared.errors import RagstreamError, RedisUnavailable
from shared.messages import Query, decode_answer
from shared.streams import DATA, Namespace
from tests.chaos.servers import MODELS
from tests.running_stack import Stack

NAMES = Namespace("rag")
VICTIMS = ("redis", "triton", "embedder", "retriever", "generator")
QUESTIONS, KILLED_AFTER = 100, 40
STEP_MS, WORDS = 20, 16
CLIENTS = 8
_HIT = {"chunk_id": "d:0", "document_id": "d", "text": "Perl has four words.", "score": 1.0}
_PATIENCE_S = 180.0
_POLL_S, _PACE_S = 0.1, 0.06


class Killed(msgspec.Struct, frozen=True, kw_only=True):
    """One kill.

    Attributes:
        system: whose process.
        victim: which one.
        asked: questions that the system had accepted.
        answered: that had an answer in the end, none counted twice.
        lost: that never got one.
        twice: that got more than one.
        longest_gap_s: longest time without an answer.
    """

    system: str
    victim: str
    asked: int
    answered: int
    lost: int
    twice: int
    longest_gap_s: float


def account(
    system: str, victim: str, asked: Sequence[str], answers: Sequence[tuple[str, float]]
) -> Killed:
    """Count answers against questions. Pure.

    Args:
        system: see `Killed`.
        victim: see `Killed`.
        asked: names of the questions.
        answers: name and time in seconds of each answer, in order.
    """
    counts = Counter(name for name, _ in answers)
    times_s = [at for _, at in answers]
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(times_s)]
    answered = sum(name in counts for name in asked)
    return Killed(
        system=system,
        victim=victim,
        asked=len(asked),
        answered=answered,
        lost=len(asked) - answered,
        twice=sum(counts[name] > 1 for name in asked),
        longest_gap_s=max(gaps_s, default=0.0),
    )


def ours(
    documents: Mapping[str, str],
    questions: Sequence[str],
    folder: Path,
    victims: Sequence[str] = VICTIMS,
) -> list[Killed]:
    """Kill each part once, each time in the middle of 100 questions."""
    settings = {"TOY_STEP_MS": str(STEP_MS)}
    with stack.running(folder / "killing", MODELS, variables=settings) as running:
        asyncio.run(systems.ingest(running, documents))
        return [asyncio.run(_kill(running, victim, questions)) for victim in victims]


async def _kill(running: Stack, victim: str, questions: Sequence[str]) -> Killed:
    queries = [
        Query(id=f"{victim}-{n}", question=questions[n % len(questions)], max_tokens=WORDS)
        for n in range(QUESTIONS)
    ]
    asked = [query.id for query in queries]
    publishing = asyncio.create_task(_publish(running, queries))
    await _until(running, asked, KILLED_AFTER)
    os.kill(running.pid(victim), signal.SIGKILL)
    await publishing
    answers = await _until(running, asked, QUESTIONS)
    return account(systems.OURS, victim, asked, answers)


async def _publish(running: Stack, queries: Sequence[Query]) -> None:
    """Publish at a steady pace, so that each stage has some in hand; again while Redis is away."""
    async with running.client() as client:
        for query in queries:
            while True:
                try:
                    await client.publish(query)
                except RedisUnavailable:
                    await asyncio.sleep(_POLL_S)
                else:
                    break
            await asyncio.sleep(_PACE_S)


async def _until(running: Stack, asked: Sequence[str], count: int) -> list[tuple[str, float]]:
    """The answers to these questions, once there are so many, or when no more come."""
    wanted, deadline = set(asked), time.monotonic() + _PATIENCE_S
    while True:
        answers = [one for one in _answers(running) if one[0] in wanted]
        if len({name for name, _ in answers}) >= count or time.monotonic() > deadline:
            return answers
        await asyncio.sleep(_POLL_S)


def _answers(running: Stack) -> list[tuple[str, float]]:
    try:
        with running.redis() as redis:
            rows = redis.xrange(NAMES.answers)
    except redis_errors.RedisError:  # it was killed, and is not back yet
        return []
    return [
        (decode_answer(fields[DATA]).query_id, int(entry_id.partition(b"-")[0]) / 1000)
        for entry_id, fields in rows
    ]


def peer(system: Program, questions: Sequence[str]) -> Killed:
    """Hand 100 questions to a program and kill it in the middle."""
    asked = _named(questions)
    answers = []
    for question in system.ask_each(asked, CLIENTS):
        answers.append((question, time.monotonic()))
        if len(answers) == KILLED_AFTER:
            system.process.kill()
    return account(system.name, "its one process", asked, answers)


def _named(questions: Sequence[str]) -> list[str]:
    """100 questions, no two the same."""
    return [f"{number}: {questions[number % len(questions)]}" for number in range(QUESTIONS)]


def peers(questions: Sequence[str], folder: Path, given: Mapping[str, object]) -> list[Killed]:
    """The one process, and the peers where there is a Python for them.

    Args:
        questions: to ask.
        folder: for logs.
        given: the peers' setup, with `python` of their environment; empty to leave them out.
    """
    toy_s = STEP_MS * WORDS / 1000
    floor = {
        "toy_step_s": STEP_MS / 1000,
        "hits": {one: [_HIT] for one in _named(questions)},
        "new_tokens": WORDS,
        "stream": False,
    }
    commands: dict[str, tuple[Sequence[str], dict[str, object]]]
    commands = {systems.FLOOR: (program.FLOOR, floor)}
    if given:
        python, toy = str(given["python"]), {**given, "toy_s": toy_s}
        for name, script in (
            (systems.CLASSIC, "langchain_chain.py"),
            ("Haystack", "haystack_pipeline.py"),
        ):
            commands[name] = (program.script(python, script), toy)
    found = []
    for name, (argv, own) in commands.items():
        with program.running(name, argv, own, folder) as system:
            found.append(peer(system, questions))
    if any(one.answered < KILLED_AFTER for one in found):
        raise RagstreamError(f"a peer ended before it was killed: {found}")
    return found
