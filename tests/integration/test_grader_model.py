"""The grader that a real Triton serves."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from services.model_builder.build import verify
from services.model_builder.recipes import grader_recipe
from shared.triton import GRADER, Triton
from tests.built_models import built_repository, wheel_cache
from tests.model_code import DATA
from tests.triton_server import TritonPorts, running_triton

CASES = json.loads((DATA / "grades.json").read_text())["real"]
NEAR = 1e-3  # of a probability: float32 on both sides, summed in another order


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonPorts]:
    folder = tmp_path_factory.mktemp("grader")
    with running_triton(built_repository(), folder, models=[GRADER]) as found:
        yield found


@pytest_asyncio.fixture
async def triton(ports: TritonPorts) -> AsyncIterator[Triton]:
    client = Triton(ports.grpc_address)
    yield client
    await client.close()


async def test_grades_are_those_of_torch(triton: Triton) -> None:
    """Otherwise what is served would not be what was trained and judged."""
    for case in CASES:
        [grade] = await triton.grade([case["question"]], [case["text"].split("\n")])
        assert grade.answer == pytest.approx(case["answer"], abs=NEAR)
        assert grade.support == pytest.approx(case["support"], abs=NEAR)


async def test_grades_do_not_depend_on_company(triton: Triton) -> None:
    """Otherwise a threshold would hold for one batch and not for the next."""
    question, text = CASES[0]["question"], CASES[0]["text"].split("\n")
    others = [case["text"].split("\n") for case in CASES]
    questions, texts = [question] * (1 + len(others)), [text, *others]
    grades = await asyncio.gather(*(triton.grade(questions, texts) for _ in range(8)))
    for found in grades:
        assert len(found) == 1 + len(others)
        assert found[0].answer == pytest.approx(CASES[0]["answer"], abs=NEAR)


async def test_many_texts_take_several_requests(triton: Triton) -> None:
    """A question over a large library would be refused."""
    grades = await triton.grade(["a?"] * 300, [["a."], ["a.", "b\nc."]] * 150)
    assert [len(grade.support) for grade in grades] == [1, 2] * 150


async def test_a_line_without_room_has_no_grade(triton: Triton) -> None:
    """It would look as if it had been read and found wanting."""
    [grade] = await triton.grade(["a?"], [["word " * 200] * 6])
    assert [math.isnan(value) for value in grade.support] == [False] * 3 + [True] * 3


def test_a_bad_request_is_refused(ports: TritonPorts) -> None:
    """Otherwise a caller's mistake would fail the questions batched with it."""
    client = grpc.InferenceServerClient(ports.grpc_address)
    raw = np.array([[b"\xff\xfe"]], np.object_)
    tensors = [grpc.InferInput(name, [1, 1], "BYTES") for name in ("query", "text")]
    for tensor in tensors:
        tensor.set_data_from_numpy(raw)
    with pytest.raises(InferenceServerException, match=r"query\[0\] is not UTF-8"):
        client.infer(GRADER, tensors)
    client.close()


async def test_it_is_ready_when_it_says_so(triton: Triton) -> None:
    """A worker would take questions that it cannot answer."""
    await triton.require([GRADER])


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """Otherwise nobody could check a published hash by building."""
    [built] = [model for model in verify(built_repository()) if model.name == GRADER]
    grader_recipe(None).write(tmp_path, wheel_cache(), print)
    assert built.current
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (built.path / path.name).read_bytes()
