"""Models from a user's own folders, served by a real Triton."""

import shutil
from pathlib import Path

import numpy as np
from tritonclient import grpc

from services.model_builder.build import build
from tests import tiny_models
from tests.integration.test_embedder_model import infer
from tests.integration.test_generator_model import Asker
from tests.model_code import REPOSITORY
from tests.triton_server import running_triton


def test_own_folders_are_served(tmp_path: Path) -> None:
    """Otherwise a user's own model would build and then fail to load."""
    weights = shutil.ignore_patterns("*.onnx", "*.data", "*.json", "__pycache__", ".*")
    repository = shutil.copytree(REPOSITORY, tmp_path / "repository", ignore=weights)
    embedder = tiny_models.write_own_embedder(tmp_path / "own-embedder")
    generator = tiny_models.write_own_generator(tmp_path / "own-generator")
    cache = tmp_path / "cache"
    build(repository, cache, embedder=str(embedder), generator=str(generator), report=print)
    with running_triton(repository, tmp_path / "triton") as ports:
        client = grpc.InferenceServerClient(ports.grpc_address)
        vectors = infer(client, ["a b", "c"]).as_numpy("embedding")
        client.close()
        asker = Asker(ports.grpc_address)
        answer = asker.ask("a b", max_tokens=5, ignore_eos=True)
        asker.close()
    assert vectors.shape == (2, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    assert (answer.error, answer.output_tokens) == ("", 5)
