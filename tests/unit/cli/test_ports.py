"""Ports: free ones, wanted ones, and taken ones."""

import os
import socket
from collections.abc import Iterator

import pytest

from services.cli import ports
from shared.errors import PortInUse


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((ports.HOST, 0)) as server:
        yield server.getsockname()[1]


def test_free_ports_differ() -> None:
    """Two parts told to use one port would fight for it."""
    chosen = ports.choose(dict.fromkeys("abcdefgh", 0))
    assert len(set(chosen.values())) == len(chosen)


def test_a_wanted_port_is_given() -> None:
    """A setting that asks for a port would be ignored."""
    free = ports.choose({"redis": 0})["redis"]
    assert ports.choose({"triton": 0, "redis": free})["redis"] == free


def test_a_taken_port_is_refused_with_its_holder(taken: int) -> None:
    """The operator would not learn which program to stop, or which setting to change."""
    with pytest.raises(PortInUse) as failure:
        ports.choose({"redis": taken})
    for expected in (str(taken), f"process {os.getpid()}", "RAGSTREAM_STACK_REDIS_PORT"):
        assert expected in str(failure.value)


def test_taken_is_told_from_free(taken: int) -> None:
    """A start that lost a race for a port would not be tried again, or always would."""
    assert ports.is_taken(taken)
    assert not ports.is_taken(ports.choose({"x": 0})["x"])
