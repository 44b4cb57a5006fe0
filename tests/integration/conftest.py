"""Servers that the integration tests share."""

import os
import signal
from collections.abc import Iterator

import pytest

import tests.model_code  # noqa: F401 - lets the tests import the code of the Triton models
from tests.built_models import built_repository
from tests.collector import Collector, running_collector
from tests.running_stack import EXAMPLES, Stack, running_stack
from tests.triton_server import TritonPorts, running_triton


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonPorts]:
    """A real Triton with the real models."""
    with running_triton(built_repository(), tmp_path_factory.mktemp("triton")) as ports:
        yield ports


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the stack sends its traces."""
    with running_collector() as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Stack]:
    """The whole stack with three documents; it takes over a dead worker's entries after 2 s."""
    variables = {
        "RAGSTREAM_OTLP_URL": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",  # milliseconds until spans are sent, not five seconds
        "RAGSTREAM_VISIBILITY_TIMEOUT_MS": "2000",
        "RAGSTREAM_GENERATOR_ANSWER_TOKENS": "24",
        "RAGSTREAM_INGESTOR_MAX_DOCUMENT_BYTES": str(2**20),
    }
    built_repository()
    with running_stack(tmp_path_factory.mktemp("stack"), variables) as running:
        ingested = running.run("ingest", str(EXAMPLES), "--wait")
        assert ingested.returncode == 0, ingested.stderr
        yield running
        # `down` sends the second: no waiting for a Triton that hangs on a stream nobody reads
        os.kill(running.state()["pid"], signal.SIGTERM)
