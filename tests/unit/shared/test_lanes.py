"""Bulk questions let interactive ones overtake in Triton, too."""

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.embedder.handler import embed_query
from shared.messages import Priority, Query
from shared.streams import Entry, Namespace

NAMES = Namespace("rag")


class Embeds:
    """Embedders that write down which lane was asked for, a Redis without an index, a Wanted."""

    def __init__(self) -> None:
        self.bulk: list[bool] = []

    async def chosen(self, _active: object) -> str:
        return "model"

    async def hgetall(self, _key: str) -> dict[bytes, bytes]:
        return {}

    async def vectors(
        self, texts: list[str], _model: str, *, bulk: bool = False
    ) -> NDArray[np.float32]:
        self.bulk.append(bulk)
        return np.ones((len(texts), 2), np.float32)

    async def check(self, _query: Query, _accepted_ms: int) -> None:
        return


@pytest.mark.parametrize(("priority", "bulk"), [("interactive", False), ("bulk", True)])
async def test_a_questions_vector_is_asked_for_in_its_lane(priority: Priority, bulk: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    """One bulk run would fill the embedder's queue before everybody else."""
    fake: Any = Embeds()
    entry = Entry(NAMES.queries, f"{int(time.time() * 1000)}-0")
    query = Query(id="q", question="Why?", priority=priority)
    clients = {"embedders": fake, "redis": fake, "wanted": fake}
    [effect] = await embed_query(entry, query, names=NAMES, max_chars=100, **clients)
    assert fake.bulk == [bulk]
    assert effect.key == NAMES.lane(NAMES.retrieve, priority)
