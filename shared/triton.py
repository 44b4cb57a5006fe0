"""The one client for Triton: texts to vectors, a prompt to tokens, questions and texts to grades.

Foreign errors are mapped here, at the boundary: unreachable or not ready is an outage, full is
overloaded, refused is permanent.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult, aio
from tritonclient.utils import InferenceServerException

from shared import tracing
from shared.errors import (
    InferenceRefused,
    MissingModel,
    Overloaded,
    PromptTooLong,
    RagstreamError,
    Transient,
    TritonUnavailable,
)
from shared.spans import Span

EMBEDDER = "embedder"
EMBEDDER_NEXT = "embedder_next"
EMBEDDERS = (EMBEDDER, EMBEDDER_NEXT)
GENERATOR = "generator"
GRADER = "grader"
RERANKER = "reranker"
MOST_TEXTS = 256  # max_batch_size in the config.pbtxt of embedder, grader and reranker
_INTERACTIVE, _BULK = 1, 2  # its priorities: a question overtakes a document's chunks
# Errors inside a stream carry no status, only words.
_FULL = ("queue is full", "Exceeds maximum queue size")
_AWAY = ("UNAVAILABLE", "CANCELLED")
# A model whose process died answers so until Triton is started anew.
_NOT_READY = ("is not ready", "is not healthy")
_REFUSED = ("INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "OUT_OF_RANGE")
# A stream that is silent for longer has lost its server. The first piece may wait for its turn
# behind the whole queue and for its own prompt.
_FIRST_PIECE_S, _NEXT_PIECE_S = 600.0, 60.0
_TOKEN_S = 1.0  # by so much more for each token where all come at once
# gRPC alone waits longer after each failed connection, up to two minutes: after a long outage
# half of the workers would sit out their last wait. These replace the client's own, so its
# messages without a limit are named again.
_CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A name may stand for several servers: each request goes to the next one. Whoever came is seen
    # when a connection ends.
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors, and the id of the model that made them.

    Attributes:
        vectors: FP32 [n, dim], each row of length 1.
        model: to be compared with no other's.
    """

    vectors: NDArray[np.float32]
    model: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Newly generated text; the last one says why it ended.

    Attributes:
        text: valid UTF-8, possibly empty.
        finish_reason: `stop` or `length` on the last piece, else "".
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens generated for this piece.
    """

    text: str
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Grade:
    """What the grader makes of one text.

    Attributes:
        answer: probability that it answers the question, or supports the claim.
        support: FP32 [sentences], how much each does, 0..1; NaN for one that found no room.
    """

    answer: float
    support: NDArray[np.float32]


def translate(error: InferenceServerException | grpc.aio.AioRpcError) -> RagstreamError:
    """Map Triton's error to the tree. What is unknown may pass: it is transient."""
    if isinstance(error, grpc.aio.AioRpcError):
        status, message = error.code().name, error.details() or ""
    else:
        status, message = str(error.status() or ""), str(error.message() or error)
    if "prompt_too_long" in message:
        return PromptTooLong(message)
    if any(words in message for words in _FULL) or "RESOURCE_EXHAUSTED" in status:
        return Overloaded(message, retry_after_s=1.0)
    if any(word in status for word in _AWAY) or any(words in message for words in _NOT_READY):
        return TritonUnavailable(message)
    if any(word in status for word in _REFUSED) or "invalid_request" in message:
        return InferenceRefused(message)
    return Transient(message)


class Triton:
    """Triton Inference Server over gRPC.

    Args:
        url: host:port of its gRPC service.
        timeout_s: longest wait for one inference that does not stream, seconds.
    """

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        self._client = aio.InferenceServerClient(url, channel_args=_CHANNEL)
        self._url = url
        self._timeout_s = timeout_s

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()

    async def require(self, models: Sequence[str]) -> None:
        """Check that models are served, each by a request that costs it nothing.

        Raises:
            TritonUnavailable: the server is away or a model still loads.
            MissingModel: the server is ready and has no such model.
        """
        try:
            for model in models:
                if not await self._client.is_model_ready(model):
                    await self._explain_missing(model)
                await self._prod(model)
        except InferenceServerException as exc:
            raise TritonUnavailable(f"Triton at {self._url}: {exc.message()}") from exc

    async def _explain_missing(self, model: str) -> None:
        index = await self._client.get_model_repository_index(as_json=True)
        states = {row["name"]: row.get("state", "") for row in index.get("models", [])}
        if states.get(model) in {"LOADING", "UNLOADING"} or not await self._live():
            raise TritonUnavailable(f"model {model} is not ready at {self._url}")
        raise MissingModel(
            f"Triton at {self._url} has no model named {model}; it serves: "
            f"{', '.join(sorted(n for n, s in states.items() if s == 'READY')) or 'none'}. "
            "Build it with `ragstream models build`."
        )

    async def _prod(self, model: str) -> None:
        """Ask a model for nothing: Triton calls one ready whose process has died."""
        if model in EMBEDDERS:
            await self.model_id(model)
        elif model == GRADER:
            await self.grade(["ready?"], [["yes"]])
        elif model == RERANKER:
            await self.rerank("ready?", ["ready!"])
        elif model == GENERATOR:
            with suppress(InferenceRefused):  # what it must say to 0 tokens
                async for _ in self.generate("ready?", max_tokens=0):
                    pass

    async def _live(self) -> bool:
        return bool(await self._client.is_server_ready())

    async def serves(self, model: str) -> bool:
        """Whether a model is ready to be asked.

        Raises:
            TritonUnavailable: the server is away.
        """
        try:
            return bool(await self._client.is_model_ready(model))
        except InferenceServerException as exc:
            raise TritonUnavailable(f"Triton at {self._url}: {exc.message()}") from exc

    async def model_id(self, embedder: str) -> str:
        """Id of the model that one of EMBEDDERS is now; costs it nothing.

        Raises:
            Outage, Overloaded, InferenceRefused: see `translate`.
        """
        columns = {"text": ["which?"]}
        return _model([await self._infer(embedder, columns, ["model"], _INTERACTIVE)])

    async def embed(
        self,
        texts: Sequence[str],
        *,
        batch: int = MOST_TEXTS,
        bulk: bool = False,
        embedder: str = EMBEDDER,
    ) -> Embedded:
        """Vectors of texts, all of one model.

        Args:
            texts: n texts, at least one; each cut to the model's longest input.
            batch: most texts in one request, 1..MOST_TEXTS.
            bulk: let questions overtake these.
            embedder: one of EMBEDDERS.

        Raises:
            Outage, Overloaded, InferenceRefused: see `translate`.
            Transient: several Tritons answered, and not with one model.
        """
        priority = _BULK if bulk else _INTERACTIVE
        outputs = ("embedding", "model")
        parts = [
            await self._infer(embedder, {"text": texts[at : at + batch]}, outputs, priority)
            for at in range(0, len(texts), batch)
        ]
        vectors = np.concatenate([part["embedding"] for part in parts])
        return Embedded(vectors.astype(np.float32, copy=False), _model(parts))

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in tokens of the embedder's tokenizer, special ones left out."""
        wanted = ["token_count"]
        parts = [
            await self._infer(EMBEDDER, {"text": texts[at : at + MOST_TEXTS]}, wanted, _BULK)
            for at in range(0, len(texts), MOST_TEXTS)
        ]
        return [int(count) for part in parts for count in part["token_count"].reshape(-1)]

    async def grade(
        self, questions: Sequence[str], texts: Sequence[Sequence[str]], *, bulk: bool = False
    ) -> list[Grade]:
        """Read questions, or claims, each beside a text.

        Args:
            questions: n of them, at least one.
            texts: for each the sentences of one text, at least one.
            bulk: let questions of people overtake these.

        Returns:
            A grade for each, in their order.

        Raises:
            Outage, Overloaded, InferenceRefused: see `translate`.
        """
        lines = ["\n".join(" ".join(one.split()) for one in text) for text in texts]
        pairs = list(zip(questions, lines, strict=True))
        return [
            grade
            for at in range(0, len(pairs), MOST_TEXTS)
            for grade in await self._grades(pairs[at : at + MOST_TEXTS], bulk=bulk)
        ]

    async def _grades(self, pairs: Sequence[tuple[str, str]], *, bulk: bool) -> list[Grade]:
        columns = {"query": [query for query, _ in pairs], "text": [text for _, text in pairs]}
        priority = _BULK if bulk else _INTERACTIVE
        found = await self._infer(GRADER, columns, ["answer", "support"], priority)
        answers, supports = found["answer"].reshape(-1), found["support"]
        return [
            Grade(float(answer), row[: 1 + text.count("\n")].astype(np.float32, copy=False))
            for answer, row, (_, text) in zip(answers, supports, pairs, strict=True)
        ]

    async def rerank(
        self, question: str, texts: Sequence[str], *, bulk: bool = False
    ) -> NDArray[np.float32]:
        """How well each of 1..MOST_TEXTS texts answers a question, FP32 [n], 0..1.

        Raises:
            Outage, Overloaded, InferenceRefused: see `translate`.
        """
        columns = {"query": [question] * len(texts), "text": texts}
        priority = _BULK if bulk else _INTERACTIVE
        scores = (await self._infer(RERANKER, columns, ["score"], priority))["score"]
        return scores.astype(np.float32, copy=False).reshape(-1)

    async def _infer(
        self,
        model: str,
        columns: Mapping[str, Sequence[str]],
        outputs: Sequence[str],
        priority: int,
    ) -> dict[str, NDArray[Any]]:
        """Outputs of a model for columns of texts of one length."""
        count = max(map(len, columns.values()))
        with tracing.calling(f"triton {model}", texts=count) as span:
            try:
                result = await self._client.infer(
                    model,
                    [_bytes_input(name, [count, 1], texts) for name, texts in columns.items()],
                    outputs=[InferRequestedOutput(output) for output in outputs],
                    priority=priority,
                    client_timeout=self._timeout_s,
                    headers=_headers(span),
                )
            except InferenceServerException as exc:
                raise translate(exc) from exc
        found = {output: result.as_numpy(output) for output in outputs}
        for output, rows in found.items():
            if rows is None or len(rows) != count:
                raise Transient(f"Triton returned no {output} for {count} texts")
        return found

    async def generate(
        self,
        prompt: str,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        chat: bool = False,
        bulk: bool = False,
        ignore_eos: bool = False,
        whole: bool = False,
    ) -> AsyncIterator[Piece]:
        """Stream a model's continuation of a prompt.

        Args:
            prompt: text as the model reads it, or a user's words if `chat` is set.
            max_tokens: most tokens to generate, above 0.
            temperature: 0 for greedy.
            chat: let the model put its own chat template around the prompt. Ours alone does so;
                with Triton's vLLM backend the caller wraps.
            bulk: let interactive questions go first.
            ignore_eos: go on past end tokens up to `max_tokens`, for measurements.
            whole: nobody reads along: one piece, at the end. Each piece costs all processes on its
                way together a millisecond or two of processor time, which the model would have.

        Yields:
            Pieces in order. Closing the iterator early cancels the request in Triton.

        Raises:
            PromptTooLong, Outage, Overloaded, InferenceRefused: see `translate`.
            Transient: the stream ended before its text did.
        """
        sampling = {"max_tokens": max_tokens, "temperature": temperature, "ignore_eos": ignore_eos}
        requests = _requests(prompt, sampling, chat=chat, bulk=bulk, whole=whole)
        patience_s = _FIRST_PIECE_S + (max_tokens * _TOKEN_S if whole else 0)
        with tracing.calling(f"triton {GENERATOR}") as span:
            responses = self._client.stream_infer(requests, headers=_headers(span))
            async with aclosing(_pieces(responses, patience_s)) as pieces:
                begun = False
                async for piece in pieces:
                    if not begun:
                        span.note("first piece")
                        begun = True
                    yield piece


async def _pieces(responses: Any, patience_s: float) -> AsyncGenerator[Piece]:
    """What a stream's responses hold; closing it early cancels the request in Triton.

    Args:
        responses: of Triton.
        patience_s: longest silence before the first one.
    """
    finished, failed = False, None
    try:
        async for result, error in _unless_silent(responses, patience_s):
            # a stream's last response: Triton ends the stream by itself, and need not see a
            # thousand cancels while a thousand are refused
            if error is not None:
                failed = translate(error)
            elif (piece := _piece(result)) is not None:
                finished = bool(piece.finish_reason)
                yield piece
    except (InferenceServerException, grpc.aio.AioRpcError) as exc:
        raise translate(exc) from exc
    finally:
        responses.cancel()
    if failed:
        raise failed
    if not finished:
        raise Transient("the stream ended before its text did")


def _headers(span: Span) -> dict[str, str] | None:
    """What lets Triton's own tracing go on with ours."""
    return {"traceparent": span.traceparent} if span.traceparent else None


def _model(parts: Sequence[Mapping[str, NDArray[Any]]]) -> str:
    """The one model that made all parts."""
    found = {bytes(named) for part in parts for named in part["model"].reshape(-1)}
    if len(found) != 1:
        raise Transient("Tritons with other models answered in turn")
    return found.pop().decode()


async def _unless_silent(responses: AsyncIterator[Any], patience_s: float) -> AsyncIterator[Any]:
    """The same responses; raises TritonUnavailable where the next one does not come."""
    while True:
        try:
            async with asyncio.timeout(patience_s):
                response = await anext(responses)
        except StopAsyncIteration:
            return
        except TimeoutError as exc:
            raise TritonUnavailable(f"a stream was silent for {patience_s:g} s") from exc
        yield response
        patience_s = _NEXT_PIECE_S


async def _requests(
    prompt: str, sampling: dict[str, float | bool], *, chat: bool, bulk: bool, whole: bool
) -> AsyncIterator[dict[str, object]]:
    """The one request of a stream, with the tensors of Triton's vLLM backend."""
    flags = ("exclude_input_in_output", "return_finish_reason")
    counts = ("return_num_input_tokens", "return_num_output_tokens")
    inputs = [
        _bytes_input("text_input", [1], [prompt]),
        _bytes_input("sampling_parameters", [1], [json.dumps(sampling)]),
        _bool_input("stream", value=not whole),
        *(_bool_input(name, value=True) for name in (*flags, *counts)),
    ]
    # parameters of the request, not of sampling: the vLLM backend refuses names it does not know
    parameters = {"lane": "bulk" if bulk else "interactive", "chat": chat}
    yield {"model_name": GENERATOR, "inputs": inputs, "parameters": parameters}


def _bytes_input(name: str, shape: Sequence[int], texts: Sequence[str]) -> InferInput:
    tensor = InferInput(name, list(shape), "BYTES")
    encoded = np.array([text.encode() for text in texts], dtype=np.object_)
    tensor.set_data_from_numpy(encoded.reshape(shape))
    return tensor


def _bool_input(name: str, *, value: bool) -> InferInput:
    tensor = InferInput(name, [1], "BOOL")
    tensor.set_data_from_numpy(np.array([value]))
    return tensor


def _piece(result: InferResult) -> Piece | None:
    """Read one response; None where it is only the mark of the stream's end."""
    text = result.as_numpy("text_output")
    if text is None or not len(text):
        return None
    reason = _first(result, "finish_reason", b"")
    return Piece(
        text=bytes(text[0]).decode("utf-8", "replace"),
        # the vLLM backend writes "None" while it goes on
        finish_reason="" if reason in (b"", b"None") else bytes(reason).decode(),
        prompt_tokens=int(_first(result, "num_input_tokens", 0)),
        completion_tokens=int(_first(result, "num_output_tokens", 0)),
    )


def _first(result: InferResult, name: str, default: Any) -> Any:
    """First element of an output tensor that a model may leave out."""
    found = result.as_numpy(name)
    return found[0] if found is not None and len(found) else default
