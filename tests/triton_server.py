"""A real Triton server for tests, on free ports and in a folder of the test's own."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from services.cli import triton

READY_WITHIN_S = 120
STOPPED_WITHIN_S = 20


@dataclass(frozen=True, kw_only=True)
class TritonPorts:
    """Where a running server listens, all on the loopback address."""

    http: int
    grpc: int
    metrics: int

    @property
    def grpc_address(self) -> str:
        return f"{triton.LOOPBACK}:{self.grpc}"


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, all held until all are known."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((triton.LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextlib.contextmanager
def running_triton(
    repository: Path,
    folder: Path,
    *,
    models: Sequence[str] = triton.MODELS,
    variables: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[TritonPorts]:
    """Start a server, wait until its models are ready, stop it afterwards."""
    http, grpc_port, metrics = free_ports(3)
    triton.prepare(folder)
    argv, environment = triton.command(
        folder,
        repository,
        http_port=http,
        grpc_port=grpc_port,
        metrics_port=metrics,
        models=models,
    )
    ports = TritonPorts(http=http, grpc=grpc_port, metrics=metrics)
    log = folder / "triton.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*argv, *options],
            env={**environment, **(variables or {})},
            stdout=output,
            stderr=output,
        )
    try:
        wait_ready(ports, process, log)
        yield ports
    finally:
        stop(process)


def wait_ready(ports: TritonPorts, process: subprocess.Popen[bytes], log: Path) -> None:
    """Poll the server's own readiness; its log is in the error if it never comes."""
    deadline = time.monotonic() + READY_WITHIN_S
    with contextlib.closing(grpc.InferenceServerClient(ports.grpc_address)) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(InferenceServerException):
                if client.is_server_ready(client_timeout=1.0):
                    return
            time.sleep(0.05)
    raise AssertionError(f"Triton did not become ready:\n{log.read_text(errors='replace')[-5000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server, by force if it does not go."""
    process.terminate()
    try:
        process.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
