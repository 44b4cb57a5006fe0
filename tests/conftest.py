"""Fixtures that every test may ask for: a real Redis, and names that nobody else uses."""

import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from redis.asyncio import Redis

from shared.redis import connect
from tests.redis_server import RedisAddress, running_redis

# By default an example may take 200 ms, which measures the machine: a busy one fails sound code.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Who runs what where processes share the tests (`make test`: -n 2)."""
    from tests.sharing import SharedServers  # noqa: PLC0415 - needs pytest-xdist

    return SharedServers(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Halves of surrogate pairs, as hostile texts have, cannot be sent from process to process."""
    return _sendable((yield))


def _sendable(found: Any) -> Any:
    match found:
        case str():
            return found.encode("utf-8", "replace").decode()
        case dict():
            return {name: _sendable(value) for name, value in found.items()}
        case list() | tuple():
            return type(found)(map(_sendable, found))
        case _:
            return found


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisAddress]:
    """One real Redis with its search module for the whole run."""
    folder: Path = tmp_path_factory.mktemp("redis")
    with running_redis(folder, password="of the tests") as address:  # noqa: S106 - a server of its own
        yield address


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def redis(redis_server: RedisAddress) -> AsyncIterator[Redis]:
    """A client of that Redis."""
    client = connect(redis_server.url, redis_server.password)
    yield client
    await client.aclose()
