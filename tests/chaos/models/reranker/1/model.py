"""A reranker without weights: every passage answers as well as the other."""  # noqa: INP001 - Triton's folders are no packages

import os
import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

BATCH_S = int(os.environ.get("TOY_RERANKER_BATCH_MS", "0")) / 1000


class TritonPythonModel:
    """Gives each pair the same score."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request, in order; a batch takes one time, however large it is."""
        time.sleep(BATCH_S)
        return [_respond(request) for request in requests]


def _respond(request: Any) -> Any:
    count = len(pb_utils.get_input_tensor_by_name(request, "text").as_numpy().reshape(-1))
    scores = np.full((count, 1), 0.5, np.float32)
    return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("score", scores)])
