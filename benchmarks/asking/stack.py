"""The stack of `ragstream up`, with any models in Triton and any number of each worker.

    python -m benchmarks.asking.stack FOLDER MODELS [WORKER=COUNT …]

runs it until it is told to stop. Its parts are planned and kept alive by the same code; models are
taken as they are, so that toys and models without end tokens can be served.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from services.cli import probes, stack, state, triton
from services.cli.folder import DataFolder
from services.cli.part import WORKERS, Part, Plan
from services.cli.parts import LocalStack
from services.cli.supervisor import Report
from shared.errors import RagstreamError, SetupError
from shared.settings import CommonSettings, StackSettings, load
from tests.running_stack import Stack

_READY_S, _STOPPED_S = 180.0, 60.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Crowded:
    """The local stack with more than one of some workers.

    Attributes:
        local: what `ragstream up` would run.
        counts: how many of a worker, where not one.
    """

    local: LocalStack
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, int]:
        """See `Blueprint`."""
        return {**self.local.wanted, **{name: 0 for names in self._more.values() for name in names}}

    def prepare(self, _report: Report) -> None:
        """Models are there; Triton's python backend may not be."""
        triton.prepare(self.local.folder.triton)

    def plan(self, ports: Mapping[str, int]) -> Plan:
        """See `Blueprint`."""
        plan = self.local.plan(ports)
        *servers, workers = plan.stages
        more = [
            _another(part, name, ports[name])
            for part in workers
            for name in self._more.get(part.name, ())
        ]
        return replace(plan, stages=(*servers, (*workers, *more)))

    @property
    def _more(self) -> dict[str, list[str]]:
        return {
            name: [f"{name}-{n}" for n in range(2, count + 1)]
            for name, count in self.counts.items()
        }


def _another(part: Part, name: str, port: int) -> Part:
    """A second worker of a kind."""
    own = {"RAGSTREAM_HEALTH_PORT": str(port), "RAGSTREAM_CONSUMER": name}
    return replace(
        part,
        name=name,
        env={**part.env, **own},
        ready=probes.http_ready(port),
        alive=probes.http_ready(port, "/livez"),
        port=port,
        metrics_port=port,
    )


@contextlib.contextmanager
def running(
    folder: Path,
    models: Path,
    *,
    counts: Mapping[str, int] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Run a stack in processes of its own until the block ends.

    Args:
        folder: its data folder.
        models: Triton's model repository, as it is to be served.
        counts: how many of a worker, where not one.
        variables: settings, of workers and of models.

    Raises:
        SetupError: it did not start.
    """
    clean = {name: v for name, v in os.environ.items() if not name.startswith("RAGSTREAM_")}
    words = [f"{name}={count}" for name, count in (counts or {}).items()]
    argv = [sys.executable, "-m", __name__, str(folder), str(models), *words]
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "supervisor.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            argv, env={**clean, **(variables or {})}, stdout=output, stderr=output
        )
    try:
        _wait_ready(process, folder, log)
        yield Stack(folder, variables or {})
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOPPED_S)
        process.kill()
        process.wait()


def _wait_ready(process: "subprocess.Popen[bytes]", folder: Path, log: Path) -> None:
    deadline, file = time.monotonic() + _READY_S, DataFolder.at(folder).state
    while process.poll() is None and time.monotonic() < deadline:
        found = state.read(file)
        if found is not None and found.phase == "ready":
            return
        time.sleep(_POLL_S)
    raise SetupError(f"the stack did not start:\n{log.read_text(errors='replace')[-3000:]}")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("models", type=click.Path(file_okay=False, path_type=Path))
@click.argument("workers", nargs=-1)
def main(folder: Path, models: Path, workers: Sequence[str]) -> None:
    """Run the stack on FOLDER with MODELS and so many WORKERS, as `generator=2`."""
    counts = {name: int(count) for name, _, count in (one.partition("=") for one in workers)}
    if unknown := counts.keys() - set(WORKERS):
        raise click.ClickException(f"no such worker: {', '.join(sorted(unknown))}")
    settings = load(StackSettings).model_copy(update={"model_repository": models.absolute()})
    data = DataFolder.at(folder)
    blueprint = Crowded(LocalStack(data, settings, load(CommonSettings)), counts)
    how = stack.Running(start_timeout_s=_READY_S, report=click.echo, on_ready=lambda: None)
    try:
        stack.up(data, blueprint, how)
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc


if __name__ == "__main__":
    main()
