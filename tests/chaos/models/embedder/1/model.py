"""An embedder without weights: the same text always gets the same vector of length 1."""  # noqa: INP001 - Triton's folders are no packages

import hashlib
import os
import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

DIM = int(os.environ.get("TOY_DIM", "8"))
BATCH_S = int(os.environ.get("TOY_EMBEDDER_BATCH_MS", "0")) / 1000


class TritonPythonModel:
    """Answers each request of a batch from its texts alone."""

    def initialize(self, args: dict[str, str]) -> None:
        """Be another model under another name, as tests that copy this folder want it."""
        self._name = args["model_name"].encode()

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request, in order; a batch takes one time, however large it is."""
        time.sleep(BATCH_S)
        return [_respond(request, self._name) for request in requests]


def _respond(request: Any, name: bytes) -> Any:
    texts = pb_utils.get_input_tensor_by_name(request, "text").as_numpy().reshape(-1)
    counts = np.array([[len(text.split())] for text in texts], np.int32)
    named = np.full((len(texts), 1), b"hash of " + name, object)
    tensors = [pb_utils.Tensor("token_count", counts), pb_utils.Tensor("model", named)]
    if "embedding" in request.requested_output_names():
        vectors = np.stack([_vector(text, name) for text in texts])
        tensors.append(pb_utils.Tensor("embedding", vectors))
    return pb_utils.InferenceResponse(output_tensors=tensors)


def _vector(text: bytes, name: bytes) -> Any:
    digest = hashlib.shake_128(name + b" " + text).digest(DIM)
    numbers = np.frombuffer(digest, np.uint8).astype(np.float32) - 127.5
    return numbers / np.linalg.norm(numbers)
