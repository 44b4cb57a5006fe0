"""What `benchmarks.autoscaling` found, as a file and for people. Pure."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.places import ROOT
from benchmarks.scaling.account import Row
from benchmarks.scaling.keda import Scaled
from benchmarks.scaling.world import TRITON

RESULTS = ROOT / "benchmarks" / "results" / "autoscaling.json"
COMMAND = "python -m benchmarks.autoscaling --json benchmarks/results/autoscaling.json --plots docs"


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Questions a second that the traces are made of.

    Attributes:
        triton_per_s: what one Triton answers with all its rows full, as measured.
        steady_per_s: of the steady trace.
        peak_per_s: at noon of the day.
        base_per_s: before and after the burst, which is a hundred times that.
    """

    triton_per_s: float
    steady_per_s: float
    peak_per_s: float
    base_per_s: float


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One plan that was looked at: means over the seeds.

    Attributes:
        plan: in words.
        wait_p95_s: as in Row, by trace.
        core_h: as in Row, over the traces, too.
    """

    plan: str
    wait_p95_s: dict[str, float]
    core_h: float


class Stranded(msgspec.Struct, frozen=True, kw_only=True):
    """A document that takes longer than the cool-down, read by an ingestor that may go to none.

    Attributes:
        triggers: what the ScaledObject counts.
        left: entries that nobody ever took up again.
        done_after_s: until the document was read; None where it never was.
    """

    triggers: list[str]
    left: int
    done_after_s: float | None


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The file.

    Attributes:
        command: what made it.
        quick: whether it was the short form.
        seed: of everything that is drawn.
        rates: of the traces.
        chosen: the ScaledObjects of `production` that it speaks for, by name.
        rows: chosen, by hand and fixed plans under the traces.
        tried: every plan that was looked at.
        stranded: with and without the trigger by pending entries.
        seconds: how long it took.
    """

    command: str
    quick: bool
    seed: int
    rates: Rates
    chosen: dict[str, Scaled]
    rows: list[Row]
    tried: list[Tried]
    stranded: list[Stranded]
    seconds: float


def load(path: Path = RESULTS) -> Results:
    """Read the file.

    Raises:
        OSError: it cannot be read.
        msgspec.DecodeError: it is no such file.
    """
    return msgspec.json.decode(path.read_bytes(), type=Results)


def save(found: Results, path: Path) -> None:
    """Write the file."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


_HEAD = (
    "| trace | plan | entries | drained, s | wait p50, s | wait p95, s | most waiting "
    "| most Tritons | core-hours |"
)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [_HEAD, "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        drained = f"{row.drained_s:.0f}" if row.drained_s else ""
        lines.append(
            f"| {row.trace} | {row.plan} | {row.entries} | {drained} | {row.wait_p50_s:.1f} "
            f"| {row.wait_p95_s:.1f} | {row.most_waiting} "
            f"| {row.most_replicas.get(TRITON, '')} | {row.core_h:.2f} |"
        )
    return "\n".join(lines)
