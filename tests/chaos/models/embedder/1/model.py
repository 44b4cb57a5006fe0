"""An embedder without weights: the same text always gets the same vector of length 1."""  # noqa: INP001 - Triton's folders are no packages

import hashlib
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Answers each request of a batch from its texts alone."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request, in order."""
        return [_respond(request) for request in requests]


def _respond(request: Any) -> Any:
    texts = pb_utils.get_input_tensor_by_name(request, "text").as_numpy().reshape(-1)
    counts = np.array([[len(text.split())] for text in texts], np.int32)
    tensors = [pb_utils.Tensor("token_count", counts)]
    if "embedding" in request.requested_output_names():
        tensors.append(pb_utils.Tensor("embedding", np.stack([_vector(text) for text in texts])))
    return pb_utils.InferenceResponse(output_tensors=tensors)


def _vector(text: bytes) -> Any:
    digest = hashlib.blake2b(text, digest_size=8).digest()
    numbers = np.frombuffer(digest, np.uint8).astype(np.float32) - 127.5
    return numbers / np.linalg.norm(numbers)
