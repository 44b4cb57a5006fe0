"""Chunks of several documents to Triton in requests of about one length, whoever they belong to."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import InferenceRefused
from shared.triton import MOST_TEXTS

Vectors = NDArray[np.float32]
EmbedTexts = Callable[[Sequence[str]], Awaitable[Vectors]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A text, its length in tokens, where its vector [dim] goes, and what it belongs to.

    A request runs in the context of its first text: log lines and spans name that one's document.
    """

    text: str
    tokens: int
    vector: asyncio.Future[Vectors]
    context: Context


class Batcher:
    """Gathers the texts that wait, first come first served, into requests bounded by their tokens.

    A request of so many chunks takes as long as these are; one of so many tokens takes about one
    time, and that is what a question may have to wait for.

    Args:
        embed: texts to vectors [n, dim], in one request.
        batch_tokens: most tokens of a request; a longer text goes alone.
        in_flight: requests under way at once: while one is computed, the next is there already.
        count: told of each request's texts and tokens.
    """

    def __init__(
        self,
        embed: EmbedTexts,
        *,
        batch_tokens: int,
        in_flight: int = 2,
        count: Callable[[int, int], None] = lambda _texts, _tokens: None,
    ) -> None:
        self._embed = embed
        self._batch_tokens = batch_tokens
        self._free = in_flight
        self._count = count
        self._waiting: deque[_Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def vectors(self, texts: Sequence[str], tokens: Sequence[int]) -> Vectors:
        """Vectors of texts, FP32 [n, dim].

        Args:
            texts: at least one.
            tokens: the length of each.

        Raises:
            Outage, Overloaded, InferenceRefused: as `embed` does.
        """
        loop, context = asyncio.get_running_loop(), copy_context()
        mine = [
            _Waiting(text, count, loop.create_future(), context)
            for text, count in zip(texts, tokens, strict=True)
        ]
        self._waiting.extend(mine)
        self._start()
        try:
            return np.stack(await asyncio.gather(*(one.vector for one in mine)))
        finally:
            for one in mine:  # what is not sent yet need not be, if one failed or we are cancelled
                one.vector.cancel()

    def _start(self) -> None:
        while self._free and (batch := self._take()):
            self._free -= 1
            task = asyncio.create_task(self._run(batch), context=batch[0].context)
            self._tasks.add(task)  # or it might be collected as garbage while it runs
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[_Waiting]:
        """The next texts that fit into one request; those that nobody wants any more fall out."""
        batch: list[_Waiting] = []
        total = 0
        while self._waiting and len(batch) < MOST_TEXTS:
            following = self._waiting[0]
            if not following.vector.done():
                if batch and total + following.tokens > self._batch_tokens:
                    break
                batch.append(following)
                total += following.tokens
            self._waiting.popleft()
        return batch

    async def _run(self, batch: list[_Waiting]) -> None:
        self._count(len(batch), sum(one.tokens for one in batch))
        try:
            await self._answer(batch)
        finally:
            self._free += 1
            self._start()

    async def _answer(self, batch: list[_Waiting]) -> None:
        try:
            found = await self._embed([one.text for one in batch])
        except InferenceRefused as exc:
            if len(batch) == 1:
                _fail(batch, exc)
            else:  # one text's fault is not the others'
                for one in batch:
                    await self._answer([one])
        except Exception as exc:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            _fail(batch, exc)
        else:
            for one, vector in zip(batch, found, strict=True):
                if not one.vector.done():
                    one.vector.set_result(vector)


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for one in batch:
        if not one.vector.done():
            one.vector.set_exception(error)
