"""The grader as Triton's python backend sees it: tensors in, tensors out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from embedder_session import cores
from grader_settings import GraderSettings
from grading import Grade, Grader


class TritonPythonModel:
    """Grades all requests of a batch together, and answers each on its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model of this folder."""
        settings = GraderSettings.read(json.loads(args["model_config"])["parameters"])
        folder = Path(args["model_repository"]) / args["model_version"]
        threads = settings.threads or cores()
        self._grader = Grader(folder, threads, settings.batch_tokens)
        pb_utils.Logger.log_info(f"grader: {threads} threads")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests; one that is malformed gets an error and the others do not suffer."""
        answers: list[Any] = [None] * len(requests)
        read: dict[int, tuple[list[str], list[str]]] = {}
        for place, request in enumerate(requests):
            try:
                read[place] = (_texts(request, "query"), _texts(request, "text"))
            except ValueError as exc:
                answers[place] = _refused(str(exc))
        questions = [one for asked, _ in read.values() for one in asked]
        texts = [one for _, given in read.values() for one in given]
        grades = iter(self._grader.grades(questions, texts))
        for place, (asked, _) in read.items():
            answers[place] = _answer([next(grades) for _ in asked])
        return answers


def _texts(request: Any, name: str) -> list[str]:
    """One of a request's inputs; Triton has seen to it that both are of one length.

    Raises:
        ValueError: it is empty, or a text is not UTF-8.
    """
    rows = pb_utils.get_input_tensor_by_name(request, name).as_numpy().reshape(-1)
    if len(rows) == 0:
        raise ValueError(f"{name} is empty: it must hold at least one text")
    return [_decoded(name, index, row) for index, row in enumerate(rows)]


def _decoded(name: str, index: int, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise ValueError(f"{name}[{index}] is not UTF-8: {exc}") from exc


def _answer(grades: Sequence[Grade]) -> Any:
    width = max(len(grade.support) for grade in grades)
    support = np.full((len(grades), width), np.nan, np.float32)
    for row, grade in zip(support, grades, strict=True):
        row[: len(grade.support)] = grade.support
    tensors = [
        pb_utils.Tensor("answer", np.array([[grade.answer] for grade in grades], np.float32)),
        pb_utils.Tensor("support", support),
    ]
    return pb_utils.InferenceResponse(output_tensors=tensors)


def _refused(reason: str) -> Any:
    error = pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG)
    return pb_utils.InferenceResponse(output_tensors=[], error=error)
