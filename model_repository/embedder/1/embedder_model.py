"""The embedder as Triton's python backend sees it: tensors in, tensors out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from embedder_session import cores
from embedder_settings import EmbedderSettings
from embedding import Embedder, EmbedderInfo
from tokenizers import Encoding


class TritonPythonModel:
    """Computes all requests of a batch together, and answers each on its own.

    Attributes:
        folder: the version folder with the weights.
    """

    folder = Path(__file__).parent

    @classmethod
    def auto_complete_config(cls, config: Any) -> Any:
        """Add the output whose width only the weights know."""
        info = EmbedderInfo.read(cls.folder)
        config.add_output({"name": "embedding", "data_type": "TYPE_FP32", "dims": [info.dim]})
        return config

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model of this folder."""
        settings = EmbedderSettings.read(json.loads(args["model_config"])["parameters"])
        threads = settings.threads or cores()
        self._embedder = Embedder(self.folder, threads, settings.batch_tokens)
        name, model = args["model_name"], self._embedder.info.id
        pb_utils.Logger.log_info(f"{name}: {model}, {threads} threads")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests; one that is malformed gets an error and the others do not suffer."""
        answers: list[Any] = [None] * len(requests)
        encodings: dict[int, list[Encoding]] = {}
        for place, request in enumerate(requests):
            try:
                encodings[place] = self._embedder.encode(_texts(request))
            except ValueError as exc:
                answers[place] = _refused(str(exc))
        tensors = {
            place: [_counts(encoded), self._named(len(encoded))]
            for place, encoded in encodings.items()
        }
        self._add_vectors(requests, encodings, tensors)
        for place, outputs in tensors.items():
            answers[place] = pb_utils.InferenceResponse(output_tensors=outputs)
        return answers

    def _named(self, count: int) -> Any:
        """Which model this is, once for each text: what is answered is never another's."""
        name = self._embedder.info.id.encode()
        return pb_utils.Tensor("model", np.full((count, 1), name, object))

    def _add_vectors(
        self,
        requests: Sequence[Any],
        encodings: dict[int, list[Encoding]],
        tensors: dict[int, list[Any]],
    ) -> None:
        """Compute the vectors of all requests that ask for them, together."""
        wanted = [p for p in encodings if "embedding" in requests[p].requested_output_names()]
        if not wanted:
            return
        vectors = self._embedder.vectors([one for place in wanted for one in encodings[place]])
        ends = np.cumsum([len(encodings[place]) for place in wanted])
        for place, rows in zip(wanted, np.split(vectors, ends[:-1]), strict=True):
            tensors[place].append(pb_utils.Tensor("embedding", np.ascontiguousarray(rows)))


def _texts(request: Any) -> list[str]:
    """A request's texts.

    Raises:
        ValueError: there is none, or one is not UTF-8.
    """
    rows = pb_utils.get_input_tensor_by_name(request, "text").as_numpy().reshape(-1)
    if len(rows) == 0:
        raise ValueError("text is empty: it must hold at least one text")
    return [_decoded(index, row) for index, row in enumerate(rows)]


def _decoded(index: int, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise ValueError(f"text[{index}] is not UTF-8: {exc}") from exc


def _counts(encodings: Sequence[Encoding]) -> Any:
    counts = np.array([[len(one)] for one in encodings], np.int32)
    return pb_utils.Tensor("token_count", counts)


def _refused(reason: str) -> Any:
    error = pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG)
    return pb_utils.InferenceResponse(output_tensors=[], error=error)
