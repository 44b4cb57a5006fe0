"""The generator in a real Triton, on the real model: the short forms of `make engine`."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.triton import Triton
from tests.engine import cancels, flood, joins, questions
from tests.engine.alone import Alone, Model
from tests.engine.server import model_folder
from tests.triton_server import TritonPorts


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(model_folder())


@pytest.fixture
async def client(triton: TritonPorts) -> AsyncIterator[Triton]:
    client = Triton(triton.grpc_address)
    yield client
    await client.close()


async def test_who_joins_a_running_batch_says_what_it_says_alone(
    client: Triton, model: Model
) -> None:
    """A request would read its neighbours' cache, or lose part of its own."""
    rng = random.Random(5)  # noqa: S311 - lengths and steps, no secret
    asked = joins.requests(rng, 5, (10, 200), (4, 16))
    joined = await joins.join(client, model, asked, rng)
    assert joined.good, joined.gaps
    assert joined.tokens == sum(request.new_tokens for request in asked)


async def test_cancels_leave_nothing_behind(
    triton: TritonPorts, client: Triton, model: Model
) -> None:
    """Rows of callers that are gone would fill up, or their neighbours' text would change."""
    rng = random.Random(6)  # noqa: S311 - who and when, no secret
    wanted = cancels.wishes(rng, cancelled=12, others=3)
    cancelled = await cancels.cancel(client, triton.metrics, model, wanted)
    assert cancelled.good, cancelled
    assert cancelled.writing + cancelled.before == 12


async def test_a_document_is_read_once_for_many_questions(
    triton: TritonPorts, client: Triton
) -> None:
    """Each question would pay for the same passages again."""
    read = await questions.read(client, triton.metrics, questions.prompts()[:6])
    assert read.prefilled + read.found == read.asked
    assert read.prefilled <= read.asked / 2


async def test_a_flood_is_refused_and_then_answered(tmp_path: Path) -> None:
    """Questions that meet a full queue would use up their attempts and be dead-lettered."""
    asked = await flood.ask_workers(tmp_path, 10)
    assert asked.good, asked


@pytest.mark.parametrize(
    ("other", "gap"),
    [
        ([("a", 1), ("b", 2)], None),
        ([("a", 1), ("c", 2)], 0.25),
        ([("a", 1), ("c", 1)], 0.25),
        ([("x", 1), ("b", 2)], 1.0),
        ([("a", 1)], float("inf")),
    ],
)
def test_a_difference_is_told_with_its_gap(other: list[tuple[str, int]], gap: float | None) -> None:
    """The check above would take any difference for none, or for a tie."""
    assert Alone(said=[("a", 1), ("b", 2)], gaps=[1.0, 0.5, 0.25]).differs(other) == gap
