"""Requests cancelled at random: they leave nothing behind and change nobody's answer."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from shared.triton import Triton
from tests.engine.alone import Model
from tests.engine.joins import TIE
from tests.engine.requests import Request, Said, prompt
from tests.engine.server import idle, meters

AT_ONCE = 32  # twice as many as run
FILL_TOKENS = 1_250
CACHE_MIB = 64  # 1,456 tokens of the default generator, so that the cache decides who may run
_NEW_TOKENS = (24, 40)
_MOST_PIECES = 8  # far fewer than the shortest answer has
_MOST_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A request and when it is taken back.

    Attributes:
        request: what is asked.
        pieces: taken back after so many pieces of its answer; never where it is None.
        within_s: or after so many seconds, whichever comes first.
    """

    request: Request
    pieces: int | None = None
    within_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """What became of the requests.

    Attributes:
        writing: cancelled after the first piece of their answer.
        before: cancelled before it: while they waited or their prompt was prefilled.
        others: requests that nobody cancelled.
        gaps: of each other answer that differs from alone, by how much the token alone had won.
        left: the gauges that must be 0, by name.
    """

    writing: int
    before: int
    others: int
    gaps: Sequence[float]
    left: dict[str, float]

    @property
    def good(self) -> bool:
        """Whether nothing is left behind and nothing but ties differs."""
        return not any(self.left.values()) and all(gap < TIE for gap in self.gaps)


def wishes(rng: random.Random, cancelled: int, others: int) -> list[Wish]:
    """Requests of 20 to 200 prompt tokens, in random order; a third is cancelled early."""
    made = []
    for number in range(cancelled + others):
        asked = Request(
            prompt=prompt(rng, rng.randint(20, 200)), new_tokens=rng.randint(*_NEW_TOKENS)
        )
        if number >= cancelled:
            made.append(Wish(request=asked))
        elif number % 3:
            made.append(Wish(request=asked, pieces=rng.randint(1, _MOST_PIECES)))
        else:
            made.append(Wish(request=asked, pieces=1, within_s=rng.uniform(0, _MOST_S)))
    return rng.sample(made, len(made))


async def cancel(
    triton: Triton, metrics_port: int, model: Model, wanted: Sequence[Wish]
) -> Cancelled:
    """Ask all, at most AT_ONCE at a time; then the others alone."""
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(wish: Wish) -> Said:
        async with places:
            return await _until_cancelled(triton, wish)

    answers = await asyncio.gather(*(ask(wish) for wish in wanted))
    found = await idle(metrics_port)
    pairs = list(zip(wanted, answers, strict=True))
    others = [(wish.request, said) for wish, said in pairs if wish.pieces is None]
    gaps = [model.answer(request).differs(said) for request, said in others]
    return Cancelled(
        writing=sum(bool(said) for wish, said in pairs if wish.pieces),
        before=sum(not said for wish, said in pairs if wish.pieces),
        others=len(others),
        gaps=[gap for gap in gaps if gap is not None],
        left={
            name: found[name] for name in ("running_requests", "waiting_requests", "cache_tokens")
        },
    )


async def fill(triton: Triton, metrics_port: int, rng: random.Random) -> int:
    """Ask for an answer that takes nearly the whole cache: none of it may still be promised.

    Returns:
        How many tokens of the cache it held with its last token but one.
    """
    text, new_tokens, most = prompt(rng, FILL_TOKENS), 8, 0.0
    async for _ in triton.generate(text, max_tokens=new_tokens, ignore_eos=True):
        found = await asyncio.to_thread(meters, metrics_port)
        most = max(most, found["cache_tokens"])
    return round(most)


async def _until_cancelled(triton: Triton, wish: Wish) -> Said:
    """What came until the wish was taken back; closing the iterator cancels in Triton."""
    said: Said = []
    asked = triton.generate(
        wish.request.prompt, max_tokens=wish.request.new_tokens, ignore_eos=True
    )
    with suppress(TimeoutError):
        async with asyncio.timeout(wish.within_s), aclosing(asked) as pieces:  # type: ignore[type-var] # an async generator, typed as what callers need of it
            async for piece in pieces:
                said.append((piece.text, piece.completion_tokens))
                if len(said) == wish.pieces:
                    break
    return said
