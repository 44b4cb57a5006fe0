"""The command: whole pipelines, from a question to its answer, ours against what one would use."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import click
import msgspec

from benchmarks import machine, ours
from benchmarks.asking import figures, growth, idle, killing, setup, systems, world
from benchmarks.asking.figures import Run
from benchmarks.asking.ledger import Ledger
from benchmarks.asking.plan import LOADS, QUICK_LOADS, Cell, Plan, cells
from benchmarks.asking.program import Program
from benchmarks.asking.results import Results
from benchmarks.places import CACHE, SET_UP, WHEELS
from services.model_builder.info import Precision
from shared.errors import RagstreamError, SetupError

PARTS = ("compare", "idle", "toys", "kill", "workers", "chunks")
DOCUMENTS, QUICK_DOCUMENTS, TOY_DOCUMENTS = 160, 80, 40
SIZES, QUICK_SIZES = (1_000, 10_000, 100_000), (1_000,)
ROUNDS = 3


@click.command()
@click.option("--quick", is_flag=True, help="One round at 1 and 8; fewer documents and questions.")
@click.option("--rounds", type=click.IntRange(min=1), help="Default: 3, or 1 if quick.")
@click.option(
    "--clients",
    "loads",
    multiple=True,
    type=click.IntRange(1, 256),
    help="Compare with so many at once alone; may be repeated. The ratios need 1 and 8.",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help="Measure this alone; may be repeated. Default: all.",
)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice([one.stage for one in growth.TRIALS]),
    help="Let the workers of this stage grow alone; may be repeated.",
)
@click.option("--pair", type=click.Choice(ours.PRECISIONS), default="int8", show_default=True)
@click.option(
    "--peer-python",
    type=click.Path(exists=True, dir_okay=False),
    help="A Python with locks/bench-pipeline.txt; without it only the floor is compared.",
)
@click.option(
    "--system",
    "chosen",
    multiple=True,
    type=click.Choice(systems.SYSTEMS),
    help="Compare with this alone; may be repeated.",
)
@click.option("--stream", is_flag=True, help="Whoever asks reads along, token by token.")
@click.option("--add", is_flag=True, help="Add to what the JSON file has already.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--plot", "plot_file", type=click.Path(dir_okay=False, path_type=Path))
def main(  # noqa: PLR0913 - a command's options
    *,
    quick: bool,
    rounds: int | None,
    loads: tuple[int, ...],
    parts: tuple[str, ...],
    stages: tuple[str, ...],
    pair: Precision,
    peer_python: str | None,
    chosen: tuple[str, ...],
    stream: bool,
    add: bool,
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    r"""Compare ragstream with LangChain, with Haystack, and with one process of our own models.

    All have the same chunks, the same weights (int8 with Q8_0, or fp32 with F32), the same prompt
    and write the same number of tokens; each searches in its own way, and ragstream and the one
    process check the answer against its passages besides. Who asks sends a question after
    another's answer. All run, one at a time is under load, and another begins each time. No
    question comes twice until all 301 have been asked. What is simulated (one question alone,
    kills, growth) is done with toy models that sleep. What was found is written to the file as it
    comes.

    \b
    Examples:
      make bench-pipeline ARGS="--quick --peer-python ~/peers/bin/python"
      python -m benchmarks.pipeline --part compare --clients 1 --clients 8 --json pipeline.json
    """
    ledger = Ledger(
        quick=quick,
        pair=pair,
        stream=stream,
        wanted=parts or PARTS,
        stages=stages,
        file=json_file,
    )
    if add and json_file and json_file.exists():
        ledger.take_up(msgspec.json.decode(json_file.read_bytes(), type=Results))
    plan = Plan(
        loads=loads or (QUICK_LOADS if quick else LOADS),
        rounds=rounds or (1 if quick else ROUNDS),
        done=max((run.round for run in ledger.runs), default=0),
    )
    wanted = ledger.wanted
    try:
        with tempfile.TemporaryDirectory(prefix="ragstream-pipeline-") as name:
            folder = Path(name)
            if {"toys", "kill", "workers", "chunks"} & set(wanted):
                _simulate(wanted, folder, ledger, peer_python)
            if {"idle", "compare"} & set(wanted):
                if "compare" not in wanted:
                    plan, chosen = replace(plan, rounds=0), (systems.FLOOR,)
                _compare(plan, folder, ledger, peer_python, chosen or systems.SYSTEMS)
        click.echo(f"\n{ledger.found().text()}")
        if plot_file:
            _plot(ledger.found(), plot_file)
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc


def _simulate(wanted: Sequence[str], folder: Path, ledger: Ledger, python: str | None) -> None:
    """Everything that needs no real model."""
    documents = dict(islice(world.documents().items(), TOY_DOCUMENTS))
    questions = world.questions()
    if "toys" in wanted:
        ledger.sleeping = idle.simulated(documents, questions, folder, count=_idle(ledger))
        ledger.keep(f"{ledger.sleeping}")
    if "kill" in wanted:
        texts = [text[:300] for text in islice(documents.values(), 8)]  # what is found is all one
        given = _peers_setup(ledger.pair, texts, python)
        ledger.killed = killing.peers(questions, folder, given)
        ledger.killed += killing.ours(documents, questions, folder)
        ledger.keep("\n".join(map(str, ledger.killed)))
    if "workers" in wanted:
        trials = [one for one in growth.TRIALS if one.stage in (ledger.stages or one.stage)]
        for one in growth.by_workers(trials, documents, questions, folder, quick=ledger.quick):
            others = [other for other in ledger.growth if other.stage != one.stage]
            ledger.growth = [*others, one]
            ledger.keep(f"{one}")
    if "chunks" in wanted:
        sizes = QUICK_SIZES if ledger.quick else SIZES
        ledger.chunks = growth.by_chunks(sizes, idle.QUESTIONS, folder)
        ledger.keep("\n".join(map(str, ledger.chunks)))


def _idle(ledger: Ledger) -> int:
    return idle.QUICK_QUESTIONS if ledger.quick else idle.QUESTIONS


def _peers_setup(pair: Precision, texts: Sequence[str], python: str | None) -> dict[str, object]:
    if not python:
        return {}
    return {**setup.peers_setup(pair, texts, click.echo, stream=False), "python": python}


def _compare(
    plan: Plan, folder: Path, ledger: Ledger, peer_python: str | None, wanted: Sequence[str]
) -> None:
    documents = dict(
        islice(world.documents().items(), QUICK_DOCUMENTS if ledger.quick else DOCUMENTS)
    )
    models = ours.built_repository(ledger.pair, CACHE, WHEELS, click.echo)
    tokenizer = ours.tokenizer(models)

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    warm_up, *questions = world.questions()
    same = systems.Given(
        precision=ledger.pair,
        documents=documents,
        questions=[warm_up, *questions],
        stream=ledger.stream,
    )
    with systems.all_running(same, folder, click.echo, peer_python, wanted) as running:
        for system in running:
            system.ask([warm_up], 1)
        by_name = {system.name: system for system in running}
        if "idle" in ledger.wanted:
            last = questions[-_idle(ledger) :]
            ledger.idle = idle.compare(by_name[systems.OURS], by_name[systems.FLOOR], last)
            ledger.keep(f"{ledger.idle}")
        for cell in cells(plan, questions, list(by_name)):
            for name in cell.order:
                run = measure(by_name[name], cell, count)
                ledger.runs.append(run)
                ledger.keep(_progress(run, plan.rounds))


def measure(system: Program, cell: Cell, count: Callable[[str], int]) -> Run:
    """One system under one load."""
    whole, own, begun = machine.times(()), system.cpu_s(), time.monotonic()
    outcomes = system.ask(cell.questions, cell.clients)
    cpu_s, after = system.cpu_s() - own, machine.times(())
    others_s = after.machine_s - whole.machine_s - cpu_s
    return Run(
        round=cell.round,
        clients=cell.clients,
        system=system.name,
        figures=figures.summarize(
            outcomes, cpu_s=cpu_s, memory_bytes=system.memory_bytes(), count=count
        ),
        busy_others=max(0.0, others_s) / (time.monotonic() - begun),
    )


def _progress(run: Run, rounds: int) -> str:
    f = run.figures
    return (
        f"round {run.round} of {rounds}, {run.clients} at once, {run.system}: "
        f"{f.questions_per_s:.3f} questions/s, p50 {f.p50_s:.2f} s ({f.questions:.0f} questions, "
        f"{f.prompt_tokens:.0f} + {f.new_tokens:.0f} tokens each, others {run.busy_others:.2f})"
    )


def _plot(found: Results, path: Path) -> None:
    try:
        from benchmarks import plots  # noqa: PLC0415 - matplotlib is the plots' alone
    except ModuleNotFoundError as exc:
        raise SetupError(f"{exc.name} is missing: run `{SET_UP}`") from exc
    plots.draw_pipelines(found.medians, path)


if __name__ == "__main__":
    main()
