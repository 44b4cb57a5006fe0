"""A long prompt is prefilled while others write: how long their readers wait for a token."""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import percentile
from shared.triton import Triton
from tests.engine.requests import Request, prompt

WRITERS = 3
PROMPT_TOKENS = 4_000
MOST = 3.0  # so many times the usual gap
_WRITERS_PROMPT_TOKENS = 100
_NEW_TOKENS = 2_000  # more than are written before the end
_USUAL_TOKENS = 60  # of each writer, before the long prompt comes


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """Waits for the next token, in seconds.

    Attributes:
        p50_s: half of them were at most so long.
        p95_s: 95 % of them were.
        max_s: the longest.
    """

    p50_s: float
    p95_s: float
    max_s: float


@dataclass(frozen=True, kw_only=True)
class Round:
    """One long prompt.

    Attributes:
        usual: gaps of the writers before it came.
        meanwhile: their gaps from when it was sent until each had a token after its first one.
        prompt_tokens: its length.
        ttft_s: how long its first token took.
    """

    usual: Gaps
    meanwhile: Gaps
    prompt_tokens: int
    ttft_s: float


def ratios(rounds: Sequence[Round]) -> Gaps:
    """Each figure of the gaps, meanwhile to usual: medians over the rounds."""
    return Gaps(
        **{
            name: statistics.median(
                getattr(one.meanwhile, name) / getattr(one.usual, name) for one in rounds
            )
            for name in Gaps.__annotations__
        }
    )


async def measure(triton: Triton, rng: random.Random) -> Round:
    """Let some write, send a long prompt, wait for its first token."""
    came_s: list[list[float]] = [[] for _ in range(WRITERS)]
    writers = [asyncio.create_task(_write(triton, times_s, rng)) for times_s in came_s]
    try:
        await _each_has(came_s, [_USUAL_TOKENS] * WRITERS)
        long = Request(prompt=prompt(rng, PROMPT_TOKENS), new_tokens=1)
        sent_s = time.perf_counter()
        [piece] = [one async for one in triton.generate(long.prompt, max_tokens=1)]
        first_s = time.perf_counter()
        await _each_has(came_s, [len(times_s) + 1 for times_s in came_s])
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
    all_write_s = max(times_s[0] for times_s in came_s)  # a writer's own prompt holds up others
    return Round(
        usual=_gaps(came_s, all_write_s, sent_s),
        meanwhile=_gaps(came_s, sent_s, time.perf_counter()),
        prompt_tokens=piece.prompt_tokens,
        ttft_s=first_s - sent_s,
    )


async def _each_has(came_s: Sequence[Sequence[float]], counts: Sequence[int]) -> None:
    while any(len(one) < count for one, count in zip(came_s, counts, strict=True)):  # noqa: ASYNC110 - three lists, cheaply looked at
        await asyncio.sleep(0.005)


async def _write(triton: Triton, times_s: list[float], rng: random.Random) -> None:
    text = prompt(rng, _WRITERS_PROMPT_TOKENS)
    async for _ in triton.generate(text, max_tokens=_NEW_TOKENS, ignore_eos=True):
        times_s.append(time.perf_counter())  # noqa: PERF401 - as they come


def _gaps(came_s: Sequence[Sequence[float]], since_s: float, until_s: float) -> Gaps:
    """Gaps that ended within a time."""
    found = sorted(
        later - earlier
        for times_s in came_s
        for earlier, later in itertools.pairwise(times_s)
        if since_s < later <= until_s
    )
    return Gaps(p50_s=percentile(found, 50), p95_s=percentile(found, 95), max_s=found[-1])
