"""Chunks of several documents in one request."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from services.embedder.batching import Batcher, Vectors
from shared.errors import InferenceRefused, TritonUnavailable


class Model:
    """Answers with each text's number; may be held back, refuse a text, or be away."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.going = asyncio.Event()
        self.going.set()
        self.away = False

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.requests.append(list(texts))
        await self.going.wait()
        if self.away:
            raise TritonUnavailable("away")
        if "bad" in texts:
            raise InferenceRefused("bad")
        return np.array([[float(text)] for text in texts], np.float32)


async def embed(batcher: Batcher, *texts: str, tokens: int = 10) -> list[float]:
    found = await batcher.vectors(texts, [tokens] * len(texts))
    return [float(one) for one in found[:, 0]]


async def test_documents_share_requests_and_each_gets_its_own() -> None:
    """Small documents would be computed one at a time, or get another's vectors."""
    model = Model()
    model.going.clear()
    batcher = Batcher(model.embed, batch_tokens=40, in_flight=1)
    asked = [asyncio.create_task(embed(batcher, *texts)) for texts in (("1",), ("2", "3"), ("4",))]
    await asyncio.sleep(0)
    model.going.set()
    assert await asyncio.gather(*asked) == [[1.0], [2.0, 3.0], [4.0]]
    assert model.requests == [["1"], ["2", "3", "4"]]


async def test_a_request_has_no_more_than_its_tokens() -> None:
    """A question would wait behind hundreds of long chunks."""
    model = Model()
    batcher = Batcher(model.embed, batch_tokens=25, in_flight=2)
    assert await embed(batcher, *"12345") == [1, 2, 3, 4, 5]
    assert model.requests == [["1", "2"], ["3", "4"], ["5"]]
    assert await embed(batcher, "6", tokens=1_000) == [6]


async def test_one_refused_text_fails_its_own_document_alone() -> None:
    """A document that the model cannot read would take others to the dead letters with it."""
    model = Model()
    model.going.clear()
    batcher = Batcher(model.embed, batch_tokens=100, in_flight=1)
    first = asyncio.create_task(embed(batcher, "0"))
    await asyncio.sleep(0)
    bad = asyncio.create_task(embed(batcher, "1", "bad"))
    good = asyncio.create_task(embed(batcher, "2"))
    await asyncio.sleep(0)
    model.going.set()
    assert await good == [2.0]
    assert await first == [0.0]
    with pytest.raises(InferenceRefused):
        await bad


async def test_an_outage_reaches_all_who_wait_and_passes() -> None:
    """A worker would wait for ever for a request that failed."""
    model = Model()
    model.away = True
    batcher = Batcher(model.embed, batch_tokens=10, in_flight=2)
    with pytest.raises(TritonUnavailable):
        await embed(batcher, "1", "2", "3")
    model.away = False
    assert await embed(batcher, "4") == [4.0]


async def test_what_nobody_waits_for_is_not_sent() -> None:
    """A worker that is told to stop would go on computing."""
    model = Model()
    model.going.clear()
    batcher = Batcher(model.embed, batch_tokens=10, in_flight=1)
    gone = asyncio.create_task(embed(batcher, "1", "2", "3"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    model.going.set()
    assert await embed(batcher, "4") == [4.0]
    assert model.requests == [["1"], ["4"]]
