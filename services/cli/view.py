"""The stack as `status` shows it."""

import time
from collections.abc import Iterator

import msgspec

from services.cli import lock, processes, state
from services.cli.folder import DataFolder
from services.cli.processes import Identity
from services.cli.render import duration


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """One part. State `left`: it runs, but its supervisor was killed."""

    name: str
    state: str
    detail: str
    pid: int | None
    port: int | None
    metrics_port: int | None
    uptime_s: float | None
    restarts: int


class StackView(msgspec.Struct, frozen=True, kw_only=True):
    """What runs on a data folder; `pid` is the supervisor's, None if there is none."""

    data_dir: str
    running: bool
    phase: str = "stopped"
    pid: int | None = None
    redis_url: str = ""
    triton_url: str = ""
    namespace: str = ""
    parts: tuple[PartView, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Every part can work now."""
        return self.phase == "ready" and all(part.state == "ready" for part in self.parts)


def look(folder: DataFolder) -> StackView:
    """See what runs on a data folder."""
    found = state.read(folder.state)
    if found is None:
        return StackView(data_dir=str(folder.path), running=False)
    running = processes.is_alive(lock.supervisor(found))
    parts = found.parts if running else _left(found)
    return StackView(
        data_dir=str(folder.path),
        running=running,
        phase=found.phase if running else "stopped",
        pid=found.pid if running else None,
        redis_url=found.redis_url,
        triton_url=found.triton_url,
        namespace=found.namespace,
        parts=tuple(_view(part, time.time()) for part in parts),
    )


def lines(view: StackView) -> Iterator[str]:
    """A view as a person reads it."""
    if view.running:
        yield f"{view.phase}: {view.data_dir} (process {view.pid})"
    elif view.parts:
        yield f"the supervisor on {view.data_dir} was killed, and these parts still run:"
        yield "`ragstream up` replaces them, `ragstream down` ends them"
    else:
        yield f"nothing runs on {view.data_dir}; `ragstream up --detach` starts it"
    if view.parts:
        yield f"{'part':10} {'state':10} {'process':>8} {'port':>6} {'uptime':>8} {'restarts':>8}"
        yield from (_line(part).rstrip() for part in view.parts)
    if view.running and view.redis_url:
        yield f"Redis {view.redis_url} (password in {view.data_dir}/redis-password)"
    if view.running and (metrics := [part for part in view.parts if part.metrics_port]):
        ports = ", ".join(f"{part.metrics_port} ({part.name})" for part in metrics)
        yield f"metrics for Prometheus: /metrics of 127.0.0.1 on the ports {ports}"


def _left(found: state.StackState) -> tuple[state.PartState, ...]:
    return tuple(
        msgspec.structs.replace(part, state="left")
        for part in found.parts
        if part.pid is not None
        and processes.is_alive(Identity(pid=part.pid, create_time=part.create_time))
    )


def _view(part: state.PartState, now_s: float) -> PartView:
    return PartView(
        name=part.name,
        state=part.state,
        detail=part.detail,
        pid=part.pid,
        port=part.port,
        metrics_port=part.metrics_port,
        uptime_s=None if part.pid is None else max(0.0, round(now_s - part.started_s, 1)),
        restarts=part.restarts,
    )


def _line(part: PartView) -> str:
    uptime = "" if part.uptime_s is None else duration(part.uptime_s)
    row = f"{part.name:10} {part.state:10} {part.pid or '':>8} {part.port or '':>6} {uptime:>8}"
    return f"{row} {part.restarts:>8} {part.detail}"
