"""One request as Triton hands it over: its tensors read, its answer sent as response tensors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from generation import Generation, Piece
from sampling_parameters import SamplingParameters, parse_sampling_parameters

UNFINISHED = "None"  # the vLLM backend's finish_reason of all but the last response


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """A request's tensors.

    Attributes:
        text: the prompt.
        stream: a response for each piece, or one for all.
        echo: whether the answer begins with the prompt.
        parameters: of sampling.
        finish_reason: whether to return it; likewise the two token counts.
        input_tokens: see `finish_reason`.
        output_tokens: see `finish_reason`.
    """

    text: str
    stream: bool
    echo: bool
    parameters: SamplingParameters
    finish_reason: bool
    input_tokens: bool
    output_tokens: bool


def read_wishes(request: Any) -> Wishes:
    """Read a request's tensors.

    Raises:
        ValueError: a tensor is not as it must be; names it.
    """
    stream = bool(_first(request, "stream", default=False))
    exclude = _first(request, "exclude_input_in_output", default=stream)
    if stream and not exclude:
        raise ValueError("exclude_input_in_output must be true when streaming")
    return Wishes(
        text=_text(request, "text_input"),
        stream=stream,
        echo=not exclude,
        parameters=parse_sampling_parameters(_text(request, "sampling_parameters")),
        finish_reason=bool(_first(request, "return_finish_reason", default=False)),
        input_tokens=bool(_first(request, "return_num_input_tokens", default=False)),
        output_tokens=bool(_first(request, "return_num_output_tokens", default=False)),
    )


def _first(request: Any, name: str, *, default: Any) -> Any:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        return default
    values = tensor.as_numpy().reshape(-1)
    if len(values) == 0:
        raise ValueError(f"{name} is empty")
    return values[0]


def _text(request: Any, name: str) -> str:
    raw: bytes = _first(request, name, default=b"")
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise ValueError(f"{name} is not UTF-8: {exc}") from exc


class GeneratorJob:
    """A request in the engine, and the way back to who asked.

    Args:
        request: Triton's.
        wishes: its tensors.
        generation: its answer in the making.
    """

    def __init__(self, request: Any, wishes: Wishes, generation: Generation) -> None:
        self.generation = generation
        self._wishes = wishes
        self._held: list[Piece] = []  # until the last one comes, where nothing is streamed
        self._sender = request.get_response_sender()

    def is_cancelled(self) -> bool:
        """Whether the caller has gone."""
        return bool(self._sender.is_cancelled())

    def send(self, piece: Piece) -> None:
        """Send a piece, or hold it until the last one comes."""
        if self._wishes.stream:
            self._send(piece)
            return
        self._held.append(piece)
        if piece.finish_reason:
            self._send(self._joined())

    def drop(self, reason: str) -> None:
        """Tell the caller that no (more) answer comes."""
        send_error(self._sender, reason, pb_utils.TritonError.CANCELLED)

    def fail(self, exc: Exception) -> None:
        """Tell the caller what went wrong."""
        pb_utils.Logger.log_error(f"generator: {exc!r}")
        send_error(self._sender, f"generation failed: {exc}", pb_utils.TritonError.INTERNAL)

    def _joined(self) -> Piece:
        """The whole answer as one piece."""
        before = self._wishes.text if self._wishes.echo else ""
        return Piece(
            text=before + "".join(piece.text for piece in self._held),
            tokens=sum(piece.tokens for piece in self._held),
            finish_reason=self._held[-1].finish_reason,
        )

    def _send(self, piece: Piece) -> None:
        tensors = [_tensor("text_output", piece.text.encode(), np.object_)]
        if self._wishes.finish_reason:
            reason = piece.finish_reason or UNFINISHED
            tensors.append(_tensor("finish_reason", reason.encode(), np.object_))
        if self._wishes.input_tokens:
            tensors.append(_tensor("num_input_tokens", len(self.generation.prompt_ids), np.uint32))
        if self._wishes.output_tokens:
            tensors.append(_tensor("num_output_tokens", piece.tokens, np.uint32))
        final = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL if piece.finish_reason else 0
        self._sender.send(pb_utils.InferenceResponse(output_tensors=tensors), flags=final)


def _tensor(name: str, value: bytes | int, dtype: type[np.generic]) -> Any:
    return pb_utils.Tensor(name, np.array([value], dtype))


def send_error(sender: Any, message: str, code: int) -> None:
    """Answer a request with an error and end it."""
    response = pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
    sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
