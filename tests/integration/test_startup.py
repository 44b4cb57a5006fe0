"""Workers that find Redis or Triton other than they need it say so, and stop."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.built_models import built_repository
from tests.redis_server import RedisAddress, running_redis
from tests.running_stack import run
from tests.triton_server import TritonPorts, running_triton


def worker(name: str, redis: RedisAddress, **more: str) -> tuple[int, str]:
    """Exit code and words of a worker that cannot start."""
    variables: Mapping[str, str] = {
        "RAGSTREAM_REDIS_URL": redis.url,
        "RAGSTREAM_REDIS_PASSWORD": redis.password,
        "RAGSTREAM_HEALTH_PORT": "0",
        **more,
    }
    done = run("worker", name, variables=variables)
    return done.returncode, done.stderr


def test_a_redis_without_search_is_named(tmp_path: Path) -> None:
    """Every search would fail with a syntax that nobody typed."""
    with running_redis(tmp_path, search=False) as redis:
        code, words = worker("retriever", redis)
    assert code == 8
    assert "search module" in words
    assert "Traceback" not in words


def test_a_wrong_password_is_named(redis_server: RedisAddress) -> None:
    """A worker would try for ever, as if Redis were away."""
    code, words = worker("retriever", redis_server, RAGSTREAM_REDIS_PASSWORD="wrong")  # noqa: S106 - wrong on purpose
    assert code == 7
    assert "RAGSTREAM_REDIS_PASSWORD" in words
    assert "wrong" not in words.replace("WRONGPASS", "")
    assert "Traceback" not in words


@pytest.fixture(scope="module")
def embedder_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonPorts]:
    """A Triton with no generator."""
    folder = tmp_path_factory.mktemp("triton")
    with running_triton(built_repository(), folder, models=["embedder"]) as ports:
        yield ports


def test_a_triton_without_a_model_is_named(
    redis_server: RedisAddress, embedder_alone: TritonPorts
) -> None:
    """Questions would pile up at a stage that can never serve them."""
    triton = embedder_alone.grpc_address
    code, words = worker("generator", redis_server, RAGSTREAM_TRITON_URL=triton)
    assert code == 9
    assert "no model named grader" in words
    assert "embedder" in words
    assert "Traceback" not in words


def test_an_unknown_setting_is_named(redis_server: RedisAddress) -> None:
    """A mistyped setting would silently leave its default in force."""
    code, words = worker("embedder", redis_server, RAGSTREAM_EMBEDDER_BATCH="7")
    assert code == 2
    assert "RAGSTREAM_EMBEDDER_BATCH" in words


def test_an_unknown_worker_is_named() -> None:
    """A typo in a manifest would show as a traceback."""
    done = run("worker", "embeder", variables={})
    assert done.returncode == 2
    assert "embedder" in done.stderr
