"""What runs, written down: `state.json` in the data folder.

The supervisor alone writes it, in one step each time; every other command reads it. It
names each process with its creation time, so that what a killed supervisor left can be told
from a stranger who got the same number.
"""

import os
from pathlib import Path
from typing import Literal

import msgspec

from services.cli.folder import write_private

Phase = Literal["starting", "ready", "stopping"]
PartPhase = Literal["starting", "ready", "not_ready", "restarting", "stopped", "left"]


class PartState(msgspec.Struct, frozen=True, kw_only=True):
    """One part as it stands.

    Attributes:
        name: `redis`, `triton`, or the worker's name.
        pid: its process, which leads a session of its own; None between two lives.
        create_time: seconds since the epoch at which that process began, by psutil.
        state: `not_ready` was ready before and says now that it is not; `left` is never
            written: a reader finds that the part outlived its supervisor.
        detail: what it waits for, where it is not ready.
        port: where it listens (workers: their health port).
        metrics_port: where its /metrics is, None if it has none.
        started_s: seconds since the epoch at which this life began.
        restarts: how often it was started again.
    """

    name: str
    pid: int | None = None
    create_time: float = 0.0
    state: PartPhase = "starting"
    detail: str = ""
    port: int | None = None
    metrics_port: int | None = None
    started_s: float = 0.0
    restarts: int = 0


class StackState(msgspec.Struct, frozen=True, kw_only=True):
    """A whole stack as it stands.

    Attributes:
        pid: the supervisor's process.
        create_time: seconds since the epoch at which that began, by psutil.
        phase: `ready` once every part was.
        redis_url: where clients find Redis; its password lies in a file of its own.
        triton_url: Triton's gRPC address, host:port.
        namespace: first part of every key, as the workers were told.
        parts: in the order in which they are started.
    """

    pid: int
    create_time: float
    phase: Phase = "starting"
    redis_url: str = ""
    triton_url: str = ""
    namespace: str = "rag"
    parts: tuple[PartState, ...] = ()


_decode = msgspec.json.Decoder(StackState).decode


def read(path: Path) -> StackState | None:
    """The state as written last; None where no stack runs or ever ran.

    Also None for a file that is no state: it is replaced in one step, so nobody who obeys
    the lock leaves a half.
    """
    try:
        return _decode(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def write(path: Path, state: StackState) -> None:
    """Replace the state in one step.

    Raises:
        OSError: the folder cannot be written any more.
    """
    write_private(path, msgspec.json.format(msgspec.json.encode(state)).decode() + os.linesep)
