"""The reranker as Triton's python backend sees it: tensors in, tensors out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from embedder_session import cores
from reranker_settings import RerankerSettings
from reranking import Pair, Reranker


class TritonPythonModel:
    """Computes all requests of a batch together, and answers each on its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model of this folder."""
        settings = RerankerSettings.read(json.loads(args["model_config"])["parameters"])
        folder = Path(args["model_repository"]) / args["model_version"]
        threads = settings.threads or cores()
        self._reranker = Reranker(folder, threads, settings.batch_tokens)
        pb_utils.Logger.log_info(f"reranker: {threads} threads")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests; one that is malformed gets an error and the others do not suffer."""
        answers: list[Any] = [None] * len(requests)
        pairs: dict[int, list[Pair]] = {}
        for place, request in enumerate(requests):
            try:
                pairs[place] = _pairs(request)
            except ValueError as exc:
                answers[place] = _refused(str(exc))
        if not pairs:
            return answers
        scores = self._reranker.scores([pair for given in pairs.values() for pair in given])
        ends = np.cumsum([len(given) for given in pairs.values()])
        for place, found in zip(pairs, np.split(scores, ends[:-1]), strict=True):
            tensor = pb_utils.Tensor("score", found.reshape(-1, 1))
            answers[place] = pb_utils.InferenceResponse(output_tensors=[tensor])
        return answers


def _pairs(request: Any) -> list[Pair]:
    """A request's pairs.

    Raises:
        ValueError: there is none, or a text is not UTF-8.
    """
    queries, texts = (
        [row.decode() for row in pb_utils.get_input_tensor_by_name(request, name).as_numpy().flat]
        for name in ("query", "text")
    )
    if not queries:
        raise ValueError("query is empty: it must hold at least one text")
    return list(zip(queries, texts, strict=True))


def _refused(reason: str) -> Any:
    error = pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG)
    return pb_utils.InferenceResponse(output_tensors=[], error=error)
