"""The command: how KEDA and Kubernetes would scale this pipeline, in simulated time."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from benchmarks.places import SET_UP
from benchmarks.scaling import plans, results, study, times
from benchmarks.scaling.account import Row
from benchmarks.scaling.keda import Scaled
from benchmarks.scaling.times import Times
from benchmarks.scaling.world import Outcome
from shared.errors import RagstreamError, SetupError

SEED = 7
DRAWN = 2  # of each trace under which plans are tried
FIXED = (2, 3, 4)  # Tritons: from the least that production has to the most that it may
SHOWN_S = {"burst": 2_700.0, "diurnal": 86_400.0}  # how much of a trace a plot shows


@click.command()
@click.option("--quick", is_flag=True, help="The burst alone, with the plan that was chosen last.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of all that is drawn.")
@click.option(
    "--times",
    "times_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=times.TIMES,
    help="Measured stage times.  [default: those of this checkout]",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--plots",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder for autoscaling-*.png; needs matplotlib (`make bench`).",
)
def main(
    *, quick: bool, seed: int, times_file: Path, json_file: Path | None, folder: Path | None
) -> None:
    """Simulate how KEDA and the HorizontalPodAutoscaler scale the pipeline, and choose numbers.

    No cluster is needed, and none has run this. Questions come as a trace says (two steady hours,
    a day, five minutes of a hundred times as many), pass embedder, retriever and generator at the
    speeds that `python -m benchmarks.scaling.measure` measured, and wait where all slots are taken.
    Every 15 s each HorizontalPodAutoscaler reads its triggers and decides by the documented
    arithmetic: tolerance, windows, policies. Pods take as long to start as they took when measured.

    What is tried are the numbers that a ScaledObject has: lag for each worker, the window before
    pods go, whether Triton follows the stream. Each plan meets two bursts and noon twice;
    the cheapest is chosen among those under which 95 of 100 wait, in either, at most a tenth longer
    than under any other. The same seed gives the same numbers; a test holds the ScaledObjects of
    k8s/ to them.

    \b
    Examples:
      python -m benchmarks.autoscaling --quick
      python -m benchmarks.autoscaling --json benchmarks/results/autoscaling.json --plots docs
      python -m benchmarks.autoscaling --times my_times.json --seed 1
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    begun = time.monotonic()
    try:
        found, outcomes = (
            _quick(times.load(times_file), seed) if quick else _full(times.load(times_file), seed)
        )
        click.echo(results.table(found.rows))
        if json_file:
            results.save(
                msgspec.structs.replace(found, seconds=round(time.monotonic() - begun, 1)),
                json_file,
            )
        if folder:
            _plot(outcomes, folder)
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc


Outcomes = dict[str, dict[str, Outcome]]


def _quick(measured: Times, seed: int) -> tuple[results.Results, Outcomes]:
    chosen = results.load().chosen
    rows, outcomes = _rows(("burst",), chosen, measured, seed)
    return _results(chosen, rows, [], measured, seed, quick=True), outcomes


def _full(measured: Times, seed: int) -> tuple[results.Results, Outcomes]:
    seeds = range(seed, seed + DRAWN)
    burst = study.try_all(("burst", "noon"), plans.candidates(), measured, seeds)
    batches = study.try_all(("batches",), plans.document_candidates(), measured, seeds)
    chosen = {**study.best(burst), **study.best(batches)}
    rows, outcomes = _rows(("burst", "steady", "diurnal", "batches"), chosen, measured, seed)
    tried = [row for _, row in (*burst, *batches)]
    return _results(chosen, rows, tried, measured, seed, quick=False), outcomes


def _results(
    chosen: Mapping[str, Scaled],
    rows: Sequence[Row],
    tried: Sequence[results.Tried],
    measured: Times,
    seed: int,
    *,
    quick: bool,
) -> results.Results:
    return results.Results(
        command=results.COMMAND,
        quick=quick,
        seed=seed,
        rates=study.rates(measured),
        chosen=dict(chosen),
        rows=list(rows),
        tried=list(tried),
        stranded=study.stranded(measured),
        seconds=0.0,
    )


def _rows(
    names: Sequence[str], chosen: Mapping[str, Scaled], measured: Times, seed: int
) -> tuple[list[Row], Outcomes]:
    """Every plan that the table shows under every trace."""
    rows, outcomes = list[Row](), Outcomes()
    for name in names:
        trace = study.trace(name, study.rates(measured), seed)
        for plan, scaled in _shown(name, chosen).items():
            row, outcome = study.judge(plan, trace, scaled, measured, seed)
            rows.append(row)
            outcomes.setdefault(name, {})[plan] = outcome
    return rows, outcomes


def _shown(trace: str, chosen: Mapping[str, Scaled]) -> dict[str, Mapping[str, Scaled]]:
    if trace == "batches":
        mine = {part.name: chosen[part.name] for part in plans.DOCUMENTS}
        return {study.CHOSEN: mine, study.BY_HAND: plans.DOCUMENTS_BY_HAND}
    mine = {name: chosen[name] for name in plans.BY_HAND}
    fixed = {f"fixed, {count}": plans.fixed_plan(count) for count in FIXED}
    return {study.CHOSEN: mine, study.BY_HAND: plans.BY_HAND, **fixed}


def _plot(outcomes: Outcomes, folder: Path) -> None:
    try:
        from benchmarks.scaling import plots  # noqa: PLC0415 - matplotlib is the plots' alone
    except ModuleNotFoundError as exc:
        raise SetupError(f"{exc.name} is missing: run `{SET_UP}`") from exc
    for name, until_s in SHOWN_S.items():
        if name in outcomes:
            title = f"{name}: simulated, no cluster has run this"
            plots.draw(outcomes[name], title, folder / f"autoscaling-{name}.png", until_s)


if __name__ == "__main__":
    main()
