"""Cases through the models: how likely each is answered, who says so, and what is delivered."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.trust.borne_out import is_borne_out
from benchmarks.trust.cases import Case
from services.generator import answering, grading
from services.generator.settings import GeneratorSettings
from shared.messages import Query
from shared.triton import Triton

AT_ONCE = 8
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Graded:
    """A case, seen by the grader.

    Attributes:
        case: the case.
        answerable: probability that its text holds the answer, 0..1.
        scores: support of each of its sentences, [m].
    """

    case: Case
    answerable: float
    scores: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A case, answered.

    Attributes:
        case: the case.
        answered: what left.
        asked: whether the language model was.
        seconds: from question to answer.
        unsupported: delivered sentences that the text's words do not bear out.
        sentences: that were delivered.
    """

    case: Case
    answered: answering.Answered
    asked: bool
    seconds: float
    unsupported: int
    sentences: int


async def graded(triton: Triton, cases: Sequence[Case]) -> list[Graded]:
    """Grade cases that have any sentence."""

    async def one(case: Case) -> Graded:
        seen = await grading.relevance(case.question, case.passages, triton, bulk=True)
        return Graded(case=case, answerable=seen.answerable, scores=seen.scores)

    return await _each([case for case in cases if case.passages], one)


async def delivered(
    triton: Triton, cases: Sequence[Case], settings: GeneratorSettings, told: Callable[[], None]
) -> list[Delivered]:
    """Answer cases as the generator worker does."""

    async def one(case: Case) -> Delivered:
        found = await _deliver(triton, case, settings)
        told()
        return found

    return await _each(cases, one)


async def _deliver(triton: Triton, case: Case, settings: GeneratorSettings) -> Delivered:
    asked = False

    async def writing() -> answering.Say:
        nonlocal asked
        asked = True
        return _unheard

    began_s = time.perf_counter()
    query = Query(id=case.name, question=case.question)
    answered = await answering.answer(
        query, [case.hit], triton=triton, settings=settings, writing=writing
    )
    said = [one.text for one in answered.found.sentences]
    texts = [sentence.text for sentence in case.passages]
    return Delivered(
        case=case,
        answered=answered,
        asked=asked,
        seconds=time.perf_counter() - began_s,
        unsupported=sum(not is_borne_out(one, texts) for one in said),
        sentences=len(said),
    )


async def _unheard(_piece: str) -> None:
    """Nobody listens to the stream."""


async def _each(cases: Sequence[Case], act: Callable[[Case], Awaitable[T]]) -> list[T]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case) -> T:
        async with places:
            return await act(case)

    return list(await asyncio.gather(*map(one, cases)))
