"""The whole way of documents, from their text to chunks that can be found, timed."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.places import CACHE, TRITON, WHEELS
from services.model_builder.info import Precision
from services.model_builder.recipes import embedder_recipe
from services.model_builder.sources import Report
from shared.client import RagstreamClient
from shared.generations import FIRST
from shared.redis import connect
from shared.streams import Namespace
from shared.triton import EMBEDDER
from tests.model_code import REPOSITORY
from tests.redis_server import running_redis
from tests.triton_server import running_triton
from tests.worker_process import WORKER, running_worker

WORKERS = ("ingestor", "embedder", "retriever")
_PATIENCE_S = 1_800.0


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        precision: of the embedder.
        chunks: that can be found at the end.
        seconds: from the first document's publication until then.
    """

    precision: Precision
    chunks: int
    seconds: float

    @property
    def chunks_per_s(self) -> float:
        """Of the whole pipeline."""
        return self.chunks / self.seconds


async def ingest(
    texts: Sequence[str], precision: Precision, report: Report
) -> tuple[Ingested, list[str]]:
    """Ingest texts as documents; also gives the chunks' texts."""
    repository = embedder_repository(precision, report)
    with tempfile.TemporaryDirectory() as name, _stack(repository, Path(name)) as url:
        async with RagstreamClient(url) as client:
            await _all(client, ["A first sentence to warm up everything."])
            begun = time.perf_counter()
            chunks = await _all(client, texts)
            seconds = time.perf_counter() - begun
        return Ingested(precision=precision, chunks=chunks, seconds=seconds), await _chunks(url)


async def _all(client: RagstreamClient, texts: Sequence[str]) -> int:
    ids = [f"d{len(texts)}-{number}" for number in range(len(texts))]
    for document_id, text in zip(ids, texts, strict=True):
        await client.ingest(text.encode(), document_id=document_id, name=f"{document_id}.txt")
    return sum([one.chunks async for one in client.wait_ingested(ids, timeout_s=_PATIENCE_S)])


async def _chunks(url: str) -> list[str]:
    client = connect(url, "")
    try:
        prefix = Namespace("rag").chunk_prefix(FIRST)
        keys = [key async for key in client.scan_iter(match=f"{prefix}*", count=1_000)]
        found = [await client.hget(key, "text") for key in keys]
        return [text.decode() for text in found if isinstance(text, bytes)]
    finally:
        await client.aclose()


@contextlib.contextmanager
def _stack(repository: Path, folder: Path) -> Iterator[str]:
    """Redis, Triton with the embedder, and one of each worker; yields Redis's URL."""
    TRITON.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_redis(folder / "redis"))
        ports = stack.enter_context(running_triton(repository, TRITON, models=[EMBEDDER]))
        variables = {
            "RAGSTREAM_REDIS_URL": server.url,
            "RAGSTREAM_TRITON_URL": ports.grpc_address,
        }
        for worker in WORKERS:
            log = folder / f"{worker}.log"
            stack.enter_context(running_worker(*WORKER, worker, variables=variables, log=log))
        yield server.url


def embedder_repository(precision: Precision, report: Report) -> Path:
    """A model repository with the embedder alone, made anew from today's code."""
    repository = CACHE / "embedders" / precision
    target = repository / EMBEDDER / "1"
    shutil.rmtree(repository, ignore_errors=True)
    target.mkdir(parents=True)
    source = REPOSITORY / EMBEDDER
    for path in (source / "config.pbtxt", *(source / "1").glob("*.py")):
        shutil.copyfile(path, repository / EMBEDDER / path.relative_to(source))
    WHEELS.mkdir(parents=True, exist_ok=True)
    embedder_recipe(None, precision).write(target, WHEELS, report)
    return repository


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
