"""The command: can answers be trusted? Evidence, "I don't know", and what is delivered."""

import asyncio
import random
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
import msgspec

from benchmarks.trust import cases, figures, judging
from benchmarks.trust.cases import Case
from benchmarks.trust.injected import injected
from services.generator.settings import GeneratorSettings
from shared.errors import RagstreamError
from shared.settings import load
from shared.triton import EMBEDDER, GENERATOR, GRADER, Triton
from tests.built_models import built_repository
from tests.triton_server import running_triton

ANSWERS, FEW_ANSWERS = 300, 24
PAPERS, FEW_PAPERS = 2_000, 200
SEED = 20_261_121


@click.command()
@click.option("--quick", is_flag=True, help="Few papers and answers: under 5 minutes.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with clapnq/ and papers_qa/, as their projects publish them.",
)
@click.option(
    "--cases",
    "own",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Judge cases of your own: a line each, JSON with question, context and answerable.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(*, quick: bool, data: Path | None, own: Path | None, json_file: Path | None) -> None:
    """Measure whether answers can be trusted, on what no training has seen.

    Runs the generator worker's own code against the default models in a Triton of its own:
    evidence against CLAPNQ's marked sentences, answerability of CLAPNQ and of papers, and the
    answers that would leave. Whether a delivered sentence is borne out is checked by words alone.

    \b
    Examples:
      python -m benchmarks.answers --data DATA --json answers.json
      python -m benchmarks.answers --cases my-cases.jsonl
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if not data and not own:
        raise click.UsageError("name --data, --cases, or both")
    try:
        found = asyncio.run(_judge(data, own, quick=quick))
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc
    encoded = msgspec.json.format(msgspec.json.encode(found), indent=2)
    click.echo(encoded.decode())
    if json_file:
        json_file.write_bytes(encoded + b"\n")


async def _judge(data: Path | None, own: Path | None, *, quick: bool) -> figures.Found:
    settings = load(GeneratorSettings)
    models = [EMBEDDER, GRADER, GENERATOR]
    with (
        tempfile.TemporaryDirectory(prefix="ragstream-answers-") as folder,
        running_triton(built_repository(), Path(folder), models=models) as ports,
    ):
        triton = Triton(ports.grpc_address, timeout_s=600.0)
        try:
            found = figures.Found()
            if data:
                found = await _public(triton, data, settings, quick=quick)
            if own:
                rows = await _deliver(triton, list(cases.own(own)), settings)
                found = msgspec.structs.replace(found, cases=figures.own(rows))
        finally:
            await triton.close()
    return found


async def _public(
    triton: Triton, data: Path, settings: GeneratorSettings, *, quick: bool
) -> figures.Found:
    rng = random.Random(SEED)  # noqa: S311 - which cases are taken, no secret
    clapnq = list(cases.clapnq(data))
    papers = list(cases.papers(data))
    few = rng.sample(papers, min(len(papers), FEW_PAPERS if quick else PAPERS))
    click.echo(
        f"grading {len(clapnq)} CLAPNQ passages and {len(few)} questions of papers", err=True
    )
    marked = await judging.graded(triton, clapnq)
    voted = await judging.graded(triton, few)
    asked = rng.sample(clapnq, min(len(clapnq), FEW_ANSWERS if quick else ANSWERS))
    answers = await _deliver(triton, asked, settings)
    ordered = await _deliver(triton, injected(clapnq, rng), settings)
    return figures.Found(
        evidence=figures.evidence(marked),
        answerability=figures.answerability(voted, marked),
        abstention=figures.abstaining(voted, settings.least_answerable()),
        delivered=figures.outcome(answers),
        injections=figures.injections(ordered),
    )


async def _deliver(
    triton: Triton, asked: Sequence[Case], settings: GeneratorSettings
) -> list[judging.Delivered]:
    with click.progressbar(length=len(asked), label="answering", file=sys.stderr) as bar:
        return await judging.delivered(triton, asked, settings, partial(bar.update, 1))


if __name__ == "__main__":
    main()
