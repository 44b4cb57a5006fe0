"""The parts of the local stack: Redis, Triton, and one process for each worker."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from services.cli import probes, redis, triton
from services.cli.folder import DataFolder
from services.cli.part import WORKERS, Part, Plan
from services.cli.ports import HOST
from services.cli.supervisor import Report
from services.model_builder.build import OPTIONAL, build, list_models
from services.retriever.settings import RetrieverSettings
from shared.settings import CommonSettings, StackSettings
from shared.triton import RERANKER

# Redis writes what it has not flushed yet; Triton gives running requests triton.DRAIN_S to end.
SERVER_GRACE_S = 35.0
_RERANK = f"{RetrieverSettings.prefix}RERANK"
# A worker needs a moment after its own grace, to close what it has open.
WORKER_EXTRA_S = 5.0


@dataclass(frozen=True, slots=True)
class LocalStack:
    """Plans the real parts on one data folder.

    Attributes:
        folder: where their data goes.
        settings: ports, model repository.
        common: the user's own settings; what is not overridden for the stack holds.
    """

    folder: DataFolder
    settings: StackSettings
    common: CommonSettings

    @property
    def wanted(self) -> dict[str, int]:
        """A port for each name, 0 for any. `triton` is its gRPC port."""
        given = {"redis": self.settings.redis_port, "triton": self.settings.triton_port}
        return {**given, **dict.fromkeys(("triton_http", "triton_metrics", *WORKERS), 0)}

    def prepare(self, report: Report) -> None:
        """Build the models that are not there, and Triton's copy of its python backend.

        Raises:
            SetupError: weights or wheels are missing.
        """
        repository = self.settings.model_repository
        if not all(model.current for model in list_models(repository)):
            report(
                "building the models, which takes a minute or two the first time, up to 180 MB of "
                "downloads and 1 GB of disk"
            )
            build(repository, self.settings.cache_dir / "models", report=report)
        triton.prepare(self.folder.triton)

    def plan(self, ports: Mapping[str, int]) -> Plan:
        """The parts on these ports.

        Raises:
            SetupError: wheels are missing.
        """
        address = f"{HOST}:{ports['triton']}"
        password = self.folder.make_password()
        stages = (
            (self._redis(ports["redis"], password),),
            (self._triton(ports),),
            tuple(self._worker(name, ports, password) for name in WORKERS),
        )
        return Plan(
            stages=stages,
            redis_url=redis.url(ports["redis"]),
            triton_url=address,
            namespace=self.common.namespace,
        )

    @property
    def _models(self) -> tuple[str, ...]:
        """What Triton serves: a reranker, too, where one is built."""
        built = {model.name for model in list_models(self.settings.model_repository)}
        return (*triton.MODELS, *(name for name in sorted(OPTIONAL) if name in built))

    def _redis(self, port: int, password: str) -> Part:
        return Part(
            name="redis",
            argv=tuple(redis.command(self.folder.redis, port, password=password)),
            ready=probes.redis_ready(redis.url(port), password),
            port=port,
            grace_s=SERVER_GRACE_S,
        )

    def _triton(self, ports: Mapping[str, int]) -> Part:
        argv, env = triton.command(
            self.folder.triton,
            self.settings.model_repository,
            http_port=ports["triton_http"],
            grpc_port=ports["triton"],
            metrics_port=ports["triton_metrics"],
            models=self._models,
        )
        return Part(
            name="triton",
            argv=tuple(argv),
            env=env,
            ready=probes.all_ready(
                probes.triton_ready(f"{HOST}:{ports['triton']}", self._models),
                probes.stubs_run(triton.stub_program(self.folder.triton), self._models),
            ),
            port=ports["triton"],
            metrics_port=ports["triton_metrics"],
            grace_s=SERVER_GRACE_S,
        )

    def _reranking(self, worker: str) -> dict[str, str]:
        """The setting that goes with a reranker, unless the user set it."""
        wanted = worker == "retriever" and RERANKER in self._models
        return {_RERANK: "true"} if wanted and _RERANK not in os.environ else {}

    def _worker(self, name: str, ports: Mapping[str, int], password: str) -> Part:
        env = {
            "RAGSTREAM_REDIS_URL": redis.url(ports["redis"]),
            "RAGSTREAM_REDIS_PASSWORD": password,
            "RAGSTREAM_TRITON_URL": f"{HOST}:{ports['triton']}",
            "RAGSTREAM_HEALTH_PORT": str(ports[name]),
            "RAGSTREAM_CONSUMER": f"{name}-1",
            **self._reranking(name),
            "PYTHONUNBUFFERED": "1",  # a log line that waits in a buffer dies with its process
        }
        return Part(
            name=name,
            argv=(sys.executable, "-m", "services.cli.main", "worker", name),
            env=env,
            ready=probes.http_ready(ports[name]),
            # Without Redis or Triton a worker is not ready, and goes on by itself afterwards.
            alive=probes.http_ready(ports[name], "/livez"),
            port=ports[name],
            metrics_port=ports[name],
            grace_s=self.common.grace_period_s + WORKER_EXTRA_S,
        )
