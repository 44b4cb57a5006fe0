"""What a comparison of two systems found, and its ratios. Pure."""

from collections.abc import Sequence

import msgspec

from benchmarks.figures import Figures, medians
from benchmarks.machine import Busy, Machine

OURS, PEER = "ragstream", "llama.cpp"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One system's share of one cell of one round.

    Attributes:
        round: from 1.
        pair: name of the pair of like precisions, such as `fp32`.
        clients: how many asked at once.
        system: `ragstream` or `llama.cpp`.
        figures: what was measured.
        busy: who used the machine meanwhile.
        memory_bytes: of the server, at its end.
    """

    round: int
    pair: str
    clients: int
    system: str
    figures: Figures
    busy: Busy
    memory_bytes: int


class Ratios(msgspec.Struct, frozen=True, kw_only=True):
    """Ours over the peer's, medians over the rounds; None where that load was left out.

    Attributes:
        pair: which precisions.
        tokens_per_s_at_8: above 1 is better.
        ttft_mean_at_8: below 1 is better.
        tokens_per_s_at_1: above 1 is better.
    """

    pair: str
    tokens_per_s_at_8: float | None
    ttft_mean_at_8: float | None
    tokens_per_s_at_1: float | None


class Median(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: a system under a load, each figure's median over the rounds."""

    pair: str
    clients: int
    system: str
    figures: Figures
    memory_bytes: int


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The file that `--json` writes.

    Attributes:
        quick: whether it was the short form.
        ratios: of the pair that does better in tokens/s at 8.
        ratios_by_pair: of each.
        medians: over the rounds.
        rounds: everything measured, in its order.
        settings: command lines and the like, by name.
        machine: where.
        seconds: how long it took.
    """

    quick: bool
    ratios: Ratios
    ratios_by_pair: dict[str, Ratios]
    medians: list[Median]
    rounds: list[Run]
    settings: dict[str, str]
    machine: Machine
    seconds: float


def rows(runs: Sequence[Run]) -> list[Median]:
    """One row for each system under each load, in the order they first came."""
    keys = dict.fromkeys((run.pair, run.clients, run.system) for run in runs)
    return [_row([run for run in runs if _key(run) == key]) for key in keys]


def ratios(table: Sequence[Median]) -> dict[str, Ratios]:
    """The ratios of each pair."""
    return {pair: _ratios(pair, table) for pair in dict.fromkeys(row.pair for row in table)}


def better(by_pair: dict[str, Ratios]) -> Ratios:
    """The pair in which ours does better at 8 clients."""
    return max(by_pair.values(), key=lambda found: found.tokens_per_s_at_8 or 0.0)


def _key(run: Run) -> tuple[str, int, str]:
    return run.pair, run.clients, run.system


def _row(runs: Sequence[Run]) -> Median:
    return Median(
        pair=runs[0].pair,
        clients=runs[0].clients,
        system=runs[0].system,
        figures=medians([run.figures for run in runs]),
        memory_bytes=max(run.memory_bytes for run in runs),
    )


def _ratios(pair: str, table: Sequence[Median]) -> Ratios:
    def ratio(name: str, clients: int) -> float | None:
        found = {row.system: row for row in table if (row.pair, row.clients) == (pair, clients)}
        if not found:
            return None
        ours, peer = (getattr(found[system].figures, name) for system in (OURS, PEER))
        return float(ours / peer)

    return Ratios(
        pair=pair,
        tokens_per_s_at_8=ratio("tokens_per_s", 8),
        ttft_mean_at_8=ratio("ttft_mean_s", 8),
        tokens_per_s_at_1=ratio("tokens_per_s", 1),
    )
