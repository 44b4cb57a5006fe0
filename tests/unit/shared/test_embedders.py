"""The embedder of an index is found by its model, wherever Triton has it."""

from typing import Any

import pytest

from shared.embedders import Embedders
from shared.errors import InferenceRefused, OtherEmbedder
from shared.generations import Generation
from tests.fake_triton import FakeTriton

OLD, NEW = ("old", 8), ("new", 12)


def served(**models: tuple[str, int]) -> tuple[FakeTriton, Embedders]:
    fake = FakeTriton(models)
    triton: Any = fake
    return fake, Embedders(triton)


async def width(embedders: Embedders, model: str) -> int:
    return int((await embedders.vectors(["larch"], model)).shape[1])


async def test_a_model_is_found_under_either_name() -> None:
    """After the switch questions would still be embedded by the old model."""
    _, embedders = served(embedder=OLD, embedder_next=NEW)
    assert (await width(embedders, "old"), await width(embedders, "new")) == (8, 12)


async def test_a_model_that_moves_to_the_other_name_is_found_again() -> None:
    """Once the next embedder became the embedder, each question would fail."""
    triton, embedders = served(embedder=OLD, embedder_next=NEW)
    assert await width(embedders, "new") == 12
    triton.served = {"embedder": NEW}
    assert await width(embedders, "new") == 12
    triton.served = {"embedder": OLD, "embedder_next": NEW}
    assert await width(embedders, "new") == 12


async def test_no_vector_of_another_model_is_given() -> None:
    """Passages would be found at random, and nobody would notice."""
    triton, embedders = served(embedder=OLD)
    assert await width(embedders, "old") == 8
    triton.served = {"embedder": NEW}
    with pytest.raises(OtherEmbedder, match=r"old.*Triton serves new.*ragstream index rebuild"):
        await width(embedders, "old")
    with pytest.raises(OtherEmbedder):
        await embedders.check("old")


async def test_a_text_that_is_refused_is_not_a_model_that_is_gone() -> None:
    """A broken document would be told as a wrong model."""
    triton, embedders = served(embedder=OLD)

    async def refuse(*_: Any, **__: Any) -> Any:
        raise InferenceRefused("not UTF-8")

    triton.embed = refuse  # type: ignore[method-assign]  # a fake is ours to change
    with pytest.raises(InferenceRefused, match="not UTF-8"):
        await width(embedders, "old")


async def test_without_an_index_the_embedder_is_taken() -> None:
    """The first document would have no model."""
    _, embedders = served(embedder=OLD, embedder_next=NEW)
    assert await embedders.chosen(None) == "old"
    active = Generation(number=2, schema=1, model="new", dim=12)
    assert await embedders.chosen(active) == "new"
