"""The embedder that a real Triton serves."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from services.model_builder.build import verify
from services.model_builder.recipes import embedder_recipe
from tests.built_models import built_repository, wheel_cache
from tests.model_code import DATA
from tests.triton_server import TritonPorts

TEXTS: list[str] = json.loads((DATA / "model_texts.json").read_text())["embedder"]
REFERENCE = np.load(DATA / "embeddings.npz")
MAX_TEXTS = 256


@pytest.fixture(scope="module")
def client(triton: TritonPorts) -> Iterator[grpc.InferenceServerClient]:
    client = grpc.InferenceServerClient(triton.grpc_address)
    yield client
    client.close()


def infer(
    client: grpc.InferenceServerClient, texts: list[str | bytes], *outputs: str
) -> grpc.InferResult:
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    tensor = grpc.InferInput("text", [len(raw), 1], "BYTES")
    tensor.set_data_from_numpy(np.array(raw, np.object_).reshape(-1, 1))
    requested = [grpc.InferRequestedOutput(name) for name in outputs or ("embedding",)]
    return client.infer("embedder", [tensor], outputs=requested)


def test_vectors_are_those_of_sentence_transformers(client: grpc.InferenceServerClient) -> None:
    """Otherwise the graph would not be the model it claims to be."""
    vectors = infer(client, [*TEXTS]).as_numpy("embedding")
    assert vectors.dtype == np.float32
    assert vectors.shape == (20, 384)
    cosines = (vectors * REFERENCE["vectors"]).sum(axis=1)
    assert cosines.min() >= 0.9999
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_token_counts_alone(client: grpc.InferenceServerClient) -> None:
    """Otherwise chunks would be cut by another length than the model's own."""
    result = infer(client, [*TEXTS], "token_count")
    assert result.as_numpy("embedding") is None
    assert result.as_numpy("token_count")[:, 0].tolist() == REFERENCE["token_counts"].tolist()


def test_a_bad_request_does_not_hurt_its_neighbours(client: grpc.InferenceServerClient) -> None:
    """Otherwise one broken document would fail the questions batched with it."""

    def ask(index: int) -> str:
        try:
            text = b"\xff\xfe" if index % 4 == 0 else TEXTS[index % 20].encode()
            vector = infer(client, ["a" * 900, text]).as_numpy("embedding")[1]
        except InferenceServerException as exc:
            return str(exc.message())
        assert vector @ REFERENCE["vectors"][index % 20] >= 0.9999
        return "good"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(32)))
    assert answers.count("good") == 24
    assert all("text[1] is not UTF-8" in answer for answer in answers[::4])


def test_no_texts_and_too_many_are_refused(client: grpc.InferenceServerClient) -> None:
    """Otherwise a caller's mistake would look like an empty answer."""
    with pytest.raises(InferenceServerException):
        infer(client, [])
    with pytest.raises(InferenceServerException, match="batch-size must be <= 256"):
        infer(client, ["a"] * (MAX_TEXTS + 1))
    assert infer(client, ["a"] * MAX_TEXTS).as_numpy("embedding").shape == (256, 384)


def test_the_width_is_in_the_metadata(client: grpc.InferenceServerClient) -> None:
    """Otherwise an index could not be created before the first vector."""
    outputs = client.get_model_metadata("embedder", as_json=True)["outputs"]
    shapes = {output["name"]: output["shape"] for output in outputs}
    assert shapes == {"embedding": ["-1", "384"], "token_count": ["-1", "1"], "model": ["-1", "1"]}


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """Otherwise nobody could check a published hash by building."""
    built = verify(built_repository())[0]
    embedder_recipe(None).write(tmp_path, wheel_cache(), print)
    assert built.current
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (built.path / path.name).read_bytes()
