"""The command: how fast each part of a real local stack works and starts.

Each part has the machine for itself: its stream is filled while it is away, then one worker with a
given number of slots empties it, and Redis's clock, in the ids of what it published, says how fast.
"""

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from benchmarks import machine, prompts
from benchmarks.scaling import times
from benchmarks.scaling.speeds import compared, generator_times, steady_per_s
from benchmarks.scaling.times import Level, PartTimes
from services.cli.probes import http_ready
from services.model_builder.build import verify
from shared.client import RagstreamClient
from shared.errors import RagstreamError
from shared.messages import Query
from shared.redis import connect
from shared.streams import Namespace
from tests.built_models import built_repository
from tests.pdfs import column, pdf
from tests.redis_server import running_redis
from tests.triton_server import free_ports, running_triton
from tests.worker_process import WORKER, running_worker

NAMES = Namespace("rag")
ORIGIN = Path(__file__).parents[2] / "tests" / "data" / "origin_of_species.txt"
QUESTIONS, DOCUMENTS, PAGES = 400, 14, 8
# Entries until the clock is stopped, by slots. A worker goes on a moment longer: there are more.
LEVELS = {
    "embedder": {1: 30, 16: 240},
    "retriever": {1: 30, 16: 100},
    "ingestor": {1: 4, 2: 8},  # last: what it publishes would keep the others busy
}
OUT = {
    "ingestor": NAMES.embed,
    "embedder": NAMES.retrieve,
    "retriever": NAMES.generate,
}
PACKAGES = ("ragstream", "nvidia-pytriton", "onnxruntime")
_PATIENCE_S = 240.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Bench:
    """The servers, and what was seen of the workers' starts.

    Attributes:
        folder: for logs.
        variables: that every worker gets.
        redis: client that returns bytes.
        starts: seconds of each start, by part.
    """

    folder: Path
    variables: dict[str, str]
    redis: Any  # redis-py thinks that lengths may be strings
    starts: dict[str, list[float]] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def worker(self, part: str, slots: int = 0) -> AsyncIterator[None]:
        """One worker, ready, with so many slots or its default; it hands back what is left."""
        [port] = free_ports(1)
        variables = {**self.variables, "RAGSTREAM_HEALTH_PORT": str(port)}
        if slots:
            variables[f"RAGSTREAM_{part.upper()}_CONCURRENCY"] = str(slots)
        begun = time.monotonic()
        log = self.folder / f"{part}.log"
        with running_worker(*WORKER, part, variables=variables, log=log):
            await _until(http_ready(port))
            self.starts.setdefault(part, []).append(round(time.monotonic() - begun, 2))
            yield

    async def level(self, part: str, slots: int, count: int) -> Level:
        """The speed of one worker with so many slots, over the `count` entries it publishes."""
        before = await self.redis.xlen(OUT[part])
        async with self.worker(part, slots):
            await _until(lambda: self._missing(part, before + count))
        rows = await self.redis.xrange(OUT[part])
        ids_ms = [int(entry_id.partition(b"-")[0]) for entry_id, _ in rows][before:][:count]
        return Level(in_hand=slots, per_s=round(steady_per_s(ids_ms, slots), 3))

    async def _missing(self, part: str, wanted: int) -> str:
        length = await self.redis.xlen(OUT[part])
        return "" if length >= wanted else f"{wanted - length} are missing"


async def _until(probe: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while why_not := await probe():
        if time.monotonic() > deadline:
            raise RagstreamError(f"nothing more came: {why_not}")
        await asyncio.sleep(_POLL_S)


@click.command()
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(json_file: Path | None) -> None:
    """Measure how fast each part works and starts, for `benchmarks.autoscaling`.

    Starts a Redis, a Triton with the default models and one worker after the other. Each finds its
    stream full and empties it, with one slot and with its usual number. How fast Triton generates
    is taken from benchmarks/results/generation.json. About two minutes on two cores; what else the
    machine did meanwhile is in the file.

    \b
    Examples:
      python -m benchmarks.scaling.measure
      python -m benchmarks.scaling.measure --json benchmarks/results/stage_times.json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    before, own_s = machine.times(()), _own_s()
    try:
        with tempfile.TemporaryDirectory() as name:
            found, triton_start_s, models_s = asyncio.run(_measure(Path(name)))
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc
    after = machine.times(())
    others_s = after.machine_s - before.machine_s - (_own_s() - own_s)
    result = times.Times(
        command=times.COMMAND,
        question=f"prompts of {prompts.PROMPT_TOKENS} tokens, answers of {prompts.NEW_TOKENS}",
        document=f"PDF of {PAGES} pages, 60 lines each",
        parts=found,
        triton_start_s=triton_start_s,
        models_s=models_s,
        busy_others=round(others_s / (after.at_s - before.at_s), 2),
        machine=machine.describe(PACKAGES),
    )
    if json_file:
        times.save(result, json_file)


def _own_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


async def _measure(folder: Path) -> tuple[dict[str, PartTimes], float, float]:
    """All parts; also the seconds until Triton was ready and those that its models took."""
    with _servers(folder) as (variables, triton_start_s):
        redis = connect(variables["RAGSTREAM_REDIS_URL"], "")
        try:
            bench = Bench(folder, variables, redis)
            await _fill(bench)
            async with bench.worker("generator"):
                pass  # for the time of its start
            levels = {part: await _levels(bench, part) for part in LEVELS}
        finally:
            await redis.aclose()
    parts = {
        part: PartTimes(start_s=bench.starts[part], levels=found) for part, found in levels.items()
    }
    parts["generator"] = generator_times(compared(), bench.starts["generator"])
    return parts, triton_start_s, _models_s(folder)


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[tuple[dict[str, str], float]]:
    """Redis and Triton: the workers' variables, and how long Triton took to be ready."""
    repository = built_repository()
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder / "redis"))
        (folder / "triton").mkdir()
        begun = time.monotonic()
        ports = stack.enter_context(running_triton(repository, folder / "triton"))
        variables = {
            "RAGSTREAM_REDIS_URL": redis.url,
            "RAGSTREAM_TRITON_URL": ports.grpc_address,
            "RAGSTREAM_GRACE_PERIOD_S": "0",
            "RAGSTREAM_VISIBILITY_TIMEOUT_MS": "1000",
        }
        yield variables, round(time.monotonic() - begun, 1)


async def _fill(bench: Bench) -> None:
    """One document that is found, then documents and questions that wait."""
    text = ORIGIN.read_text()
    sentences = re.split(r"(?<=\.) ", " ".join(text.split()))
    async with RagstreamClient(bench.variables["RAGSTREAM_REDIS_URL"]) as client:
        async with bench.worker("ingestor"), bench.worker("embedder"), bench.worker("retriever"):
            await client.ingest(text.encode(), document_id="origin", name="origin.txt")
            async for state in client.wait_ingested(["origin"], timeout_s=_PATIENCE_S):
                click.echo(f"{state.chunks} chunks can be found")
        page = column(textwrap.wrap(text, 90)[:60], x=60, top=800)
        for number in range(DOCUMENTS):
            paper = pdf([page] * PAGES, title=f"Paper {number}")
            await client.ingest(paper, document_id=f"d{number}", name=f"d{number}.pdf")
        for number in range(QUESTIONS):
            about = sentences[number % len(sentences)][:200]
            text = f"Question {number}: is it true that {about}?"
            await client.publish(Query(question=text))


async def _levels(bench: Bench, part: str) -> list[Level]:
    found = []
    for slots, count in LEVELS[part].items():
        found.append(await bench.level(part, slots, count))
        click.echo(f"{part:10} {slots:3} in hand {found[-1].per_s:9.3f}/s")
    click.echo(f"{part:10} ready after {bench.starts[part]} s")
    return found


def _models_s(folder: Path) -> float:
    """What the init container does: a copy, and every file hashed."""
    begun = time.monotonic()
    shutil.copytree(built_repository(), folder / "models")
    verify(folder / "models")
    return round(time.monotonic() - begun, 1)


if __name__ == "__main__":
    main()
