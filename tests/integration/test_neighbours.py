"""Passages and what stands around them, in a real Redis."""

from typing import Any

import pytest

from services.retriever import neighbours
from shared.generations import FIRST
from shared.messages import Hit
from shared.streams import Namespace
from tests.integration.test_index import find, store

TEXTS = ["First of all.", "The plots were burned.", "Then it rained."]


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


async def middle(redis: Any, names: Namespace) -> list[Hit]:
    return [hit for hit in await find(redis, names) if hit.text == TEXTS[1]]


async def test_a_passage_grows_by_its_neighbours(redis: Any, names: Namespace) -> None:
    """An answer that a chunk's border cuts in two would be half an answer."""
    await store(redis, names, {"d": TEXTS, "e": ["Of another document."]})
    found = await middle(redis, names)
    (passage,) = await neighbours.widen(redis, names, FIRST, "c", found, budget=9)
    assert passage.text == " ".join(TEXTS)
    assert (passage.chunk_id, passage.tokens) == ("d:1", 9)


async def test_no_budget_leaves_passages_as_they_were_found(redis: Any, names: Namespace) -> None:
    """Prompts would grow for everyone who never asked for it."""
    await store(redis, names, {"d": TEXTS})
    found = await middle(redis, names)
    assert await neighbours.widen(redis, names, FIRST, "c", found, budget=0) == tuple(found)


async def test_a_document_replaced_since_lends_no_neighbours(redis: Any, names: Namespace) -> None:
    """A passage would mix two versions of a document, and be quoted as one."""
    await store(redis, names, {"d": TEXTS})
    found = await middle(redis, names)
    await store(redis, names, {"d": ["Now.", "Otherwise.", "Everything is."]})
    assert await neighbours.widen(redis, names, FIRST, "c", found, budget=9) == tuple(found)
