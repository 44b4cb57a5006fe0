"""The command: our generator through Triton's gRPC against llama.cpp's server."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from benchmarks import comparison, ours, report, results
from benchmarks.places import SET_UP
from benchmarks.plan import Plan
from services.model_builder.info import Precision
from shared.errors import RagstreamError, SetupError


def full(pairs: tuple[Precision, ...]) -> Plan:
    """What figures in the docs come from: an hour or two on two cores."""
    return Plan(
        pairs=pairs, clients=(1, 4, 8, 16), rounds=3, least_requests=6, requests_per_client=2
    )


def quick(pairs: tuple[Precision, ...]) -> Plan:
    """The same shape in under five minutes on two cores: one pair, the two loads of the ratios."""
    return Plan(
        pairs=pairs[-1:], clients=(1, 8), rounds=1, least_requests=3, requests_per_client=1.5
    )


@click.command()
@click.option("--quick", "short", is_flag=True, help="One round, one pair, 1 and 8 clients.")
@click.option(
    "--pair",
    "pairs",
    multiple=True,
    type=click.Choice(ours.PRECISIONS),
    help="Compare these precisions alone; may be repeated.",
)
@click.option(
    "--clients",
    "loads",
    multiple=True,
    type=click.IntRange(1, 64),
    help="Measure with so many clients alone; may be repeated. The ratios need 1 and 8.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--plot", "plot_file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    *,
    short: bool,
    pairs: tuple[Precision, ...],
    loads: tuple[int, ...],
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Compare our generator, through Triton's gRPC, with llama.cpp's server.

    Same weights (fp32 with F32, int8 with Q8_0), same requests in the same order: prompts of 700
    to 1,200 tokens in the real shape, 64 to 128 new tokens, greedy, end tokens ignored. Clients
    send one request after another; 1, 4, 8 and 16 of them, three rounds, medians. Both servers run,
    one at a time is under load, and which comes first changes from cell to cell. Passages are new
    in each cell; both sides may keep what prompts share, the instruction at their head.

    `make bench` sets up what this needs, once: the packages of locks/bench.txt, llama.cpp's server,
    compiled for this machine from a hash-checked sdist (a C++ compiler must be there), and the
    weights of both sides. Let nothing else run meanwhile; the last line says what did.

    \b
    Examples:
      make bench-generation
      python -m benchmarks.generation --quick --json generation.json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    chosen = pairs or ours.PRECISIONS
    plan = quick(chosen) if short else full(chosen)
    plan = replace(plan, clients=loads or plan.clients)
    begun = time.monotonic()
    try:
        runs = comparison.compare(plan, click.echo)
        found = comparison.conclude(plan, runs, short=short, seconds=time.monotonic() - begun)
        click.echo(f"\n{report.table(found)}")
        if json_file:
            json_file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        if plot_file:
            _plot(found.medians, plot_file)
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc


def _plot(medians: Sequence[results.Median], path: Path) -> None:
    try:
        from benchmarks import plots  # noqa: PLC0415 - matplotlib is the plots' alone
    except ModuleNotFoundError as exc:
        raise SetupError(f"{exc.name} is missing: run `{SET_UP}`") from exc
    plots.draw(medians, path)


if __name__ == "__main__":
    main()
