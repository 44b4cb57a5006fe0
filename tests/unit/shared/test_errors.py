"""The error tree: its codes, and the tables that map foreign errors onto it."""

import inspect

import grpc
import pytest
import redis.exceptions as redis_errors
from tritonclient.utils import InferenceServerException

from shared import errors
from shared.delivery import classify
from shared.redis import translate as translate_redis
from shared.triton import translate as translate_triton

TREE = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.RagstreamError)
]
REDIS_ERRORS = [
    kind
    for _, kind in inspect.getmembers(redis_errors, inspect.isclass)
    if issubclass(kind, redis_errors.RedisError)
]


def test_every_error_has_its_own_code() -> None:
    """A consumer could not tell two errors apart."""
    codes = [kind.code for kind in TREE]
    assert len(set(codes)) == len(codes)


def test_the_drawing_names_every_error() -> None:
    """The tree at the module's head would show less than there is."""
    assert errors.__doc__ is not None
    assert [kind.__name__ for kind in TREE if kind.__name__ not in errors.__doc__] == []


def test_setup_errors_exit_differently() -> None:
    """A script could not tell a taken port from a wrong password."""
    codes = [kind.exit_code for kind in TREE if issubclass(kind, errors.SetupError)]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", REDIS_ERRORS)
def test_every_redis_error_is_mapped(kind: type[redis_errors.RedisError]) -> None:
    """A foreign exception would escape the one place that decides what to do about it."""
    error = kind.__new__(kind)
    Exception.__init__(error, "words")
    assert isinstance(classify(error), errors.RagstreamError)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (redis_errors.AuthenticationError("WRONGPASS"), errors.RedisRefused),
        (redis_errors.NoPermissionError("NOPERM"), errors.RedisRefused),
        (redis_errors.ConnectionError("refused"), errors.RedisUnavailable),
        (redis_errors.BusyLoadingError("LOADING"), errors.RedisUnavailable),
        (redis_errors.ReadOnlyError("READONLY"), errors.RedisUnavailable),
        (redis_errors.OutOfMemoryError("OOM"), errors.RedisUnavailable),
        (redis_errors.ResponseError("MISCONF no disk"), errors.RedisUnavailable),
        (redis_errors.MovedError("1 host:7000"), errors.RedisUnavailable),
        (redis_errors.AskError("1 host:7000"), errors.RedisUnavailable),
        (redis_errors.TryAgainError("TRYAGAIN"), errors.RedisUnavailable),
        (redis_errors.ClusterDownError("CLUSTERDOWN"), errors.RedisUnavailable),
        (redis_errors.ResponseError("{rag}:chunks: no such index"), errors.RedisUnavailable),
        (redis_errors.ResponseError("unknown command 'FT.SEARCH'"), errors.MissingSearchModule),
        (redis_errors.ResponseError("something"), errors.Transient),
    ],
)
def test_redis_errors_mean_what_they_mean(
    error: redis_errors.RedisError, ours: type[errors.RagstreamError]
) -> None:
    """An outage would use up a message's attempts, or a wrong password be retried for ever."""
    assert type(translate_redis(error)) is ours


@pytest.mark.parametrize(
    ("status", "message", "ours"),
    [
        ("StatusCode.UNAVAILABLE", "connection refused", errors.TritonUnavailable),
        ("StatusCode.DEADLINE_EXCEEDED", "too slow", errors.Transient),
        ("StatusCode.INTERNAL", "Stub process 'x_0_0' is not healthy.", errors.TritonUnavailable),
        ("StatusCode.INTERNAL", "out of memory", errors.Transient),
        (None, "invalid_request: top_p must be ...", errors.InferenceRefused),
        ("StatusCode.INVALID_ARGUMENT", "bad shape", errors.InferenceRefused),
        (None, "prompt_too_long: 9000 tokens, at most 8192", errors.PromptTooLong),
        (None, "the request queue is full", errors.Overloaded),
        (None, "who knows", errors.Transient),
    ],
)
def test_triton_errors_mean_what_they_mean(
    status: str | None, message: str, ours: type[errors.RagstreamError]
) -> None:
    """A full queue would dead-letter questions, or a refused prompt be retried."""
    assert type(translate_triton(InferenceServerException(message, status))) is ours


def test_grpc_errors_of_a_stream_are_mapped() -> None:
    """Tritonclient lets grpc's own errors through while a stream is read."""
    metadata = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, metadata, metadata, "gone")
    assert isinstance(translate_triton(error), errors.TritonUnavailable)


def test_the_unforeseen_is_tried_again() -> None:
    """A bug that bites once in a hundred times would lose its question at once."""
    assert type(classify(ZeroDivisionError("x"))) is errors.Transient
