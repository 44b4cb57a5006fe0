"""Requests that join a running batch at random steps say what each says alone."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from shared.triton import Triton
from tests.engine.alone import Model
from tests.engine.requests import Request, Said, prompt

# Two scores nearer than this are a tie: fp32 scores of about 20 were seen to move by 2e-5 where a
# prompt was cut into other chunks or more rows ran together.
TIE = 1e-4
_STEPS = 12  # most pieces of others' answers between two requests


@dataclass(frozen=True, kw_only=True)
class Joined:
    """What became of the requests.

    Attributes:
        requests: how many there were.
        tokens: of all answers.
        gaps: of each answer that differs, by how much the token alone had won at the first
            difference.
    """

    requests: int
    tokens: int
    gaps: Sequence[float]

    @property
    def good(self) -> bool:
        """Whether nothing but ties differs."""
        return all(gap < TIE for gap in self.gaps)


def requests(
    rng: random.Random, count: int, prompt_tokens: tuple[int, int], new_tokens: tuple[int, int]
) -> list[Request]:
    """Requests of lengths between the given ones, both of which occur; in random order."""
    lengths = [*prompt_tokens, *(rng.randint(*prompt_tokens) for _ in range(count - 2))]
    made = [
        Request(prompt=prompt(rng, tokens), new_tokens=rng.randint(*new_tokens))
        for tokens in lengths
    ]
    return rng.sample(made, count)


async def join(
    triton: Triton, model: Model, asked: Sequence[Request], rng: random.Random
) -> Joined:
    """Ask them together, then each alone."""
    answers = await _together(triton, asked, rng)
    alone = [model.answer(request) for request in asked]
    gaps = [one.differs(said) for one, said in zip(alone, answers, strict=True)]
    return Joined(
        requests=len(asked),
        tokens=sum(tokens for said in answers for _, tokens in said),
        gaps=[gap for gap in gaps if gap is not None],
    )


async def _together(triton: Triton, asked: Sequence[Request], rng: random.Random) -> list[Said]:
    """Send each one some pieces of the others' answers after the one before."""
    came = asyncio.Semaphore(0)

    async def say(request: Request) -> Said:
        said = []
        pieces = triton.generate(request.prompt, max_tokens=request.new_tokens, ignore_eos=True)
        async for piece in pieces:
            said.append((piece.text, piece.completion_tokens))
            came.release()
        for _ in range(_STEPS):  # who has ended keeps nobody waiting
            came.release()
        return said

    async with asyncio.TaskGroup() as group:
        tasks = []
        for request in asked:
            tasks.append(group.create_task(say(request)))
            for _ in range(rng.randint(0, _STEPS)):
                await came.acquire()
    return [task.result() for task in tasks]
