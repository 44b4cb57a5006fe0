"""One part of the stack, as plain data: what to run, and how to tell that it is ready."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

WORKERS: Final = ("ingestor", "embedder", "retriever", "generator")
NAMES: Final = ("redis", "triton", *WORKERS)
SUPERVISOR: Final = "supervisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process that the supervisor keeps alive.

    Attributes:
        name: also names its log file.
        argv: its command line; never with a secret on it.
        env: variables added to the supervisor's own.
        ready: gives "" when ready, else why not.
        alive: gives "" while a new start would not help, ready or not; `ready` if None.
        port: where it listens, for people to read.
        metrics_port: where it shows Prometheus its /metrics; None if it has none.
        grace_s: seconds between the request to stop and the kill.
    """

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], Awaitable[str]]
    alive: Callable[[], Awaitable[str]] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    metrics_port: int | None = None
    grace_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All parts, and what others must know to use them.

    Attributes:
        stages: started one after the other, each once the one before is ready; stopped in
            the opposite order.
        redis_url: where clients find Redis, without its password.
        triton_url: Triton's gRPC address, host:port.
        namespace: first part of every key.
    """

    stages: tuple[tuple[Part, ...], ...]
    redis_url: str = ""
    triton_url: str = ""
    namespace: str = "rag"
