"""What the measured speeds carry, as tables of docs/operations.md."""

import re
from math import ceil

import click

from benchmarks.places import ROOT
from benchmarks.scaling import times
from benchmarks.scaling.times import Level, PartTimes, Times

PAGE = ROOT / "docs" / "operations.md"
BEGIN, END = "<!-- python -m benchmarks.capacity -->\n", "<!-- end -->"
PARTS = ("ingestor", "embedder", "retriever", "generator")
QUESTIONS_PER_MIN = (1, 10, 100)
# At more of its speed than this a part's queue grows long whenever a few come at once.
USED = 0.7
_SPEEDS = (
    "| part | entries in hand | entries a second | a new one is ready after, s |",
    "|---|---|---|---|",
)
_PLANS = ("| questions a minute | embedders | retrievers | Tritons |", "|---|---|---|---|")


def render(found: Times) -> str:
    """The tables and what they were measured on, with a line end behind the last line."""
    parts = [_speed(name, found.parts[name]) for name in PARTS]
    plans = [_plan(found, rate) for rate in QUESTIONS_PER_MIN]
    machine = found.machine
    where = (
        f"Measured by `{found.command}`:\n{found.question}; {found.document}. "
        f"{machine.cores} cores of {machine.cpu},\nof which other work used {found.busy_others:g}."
    )
    triton = f"| Triton | | | {found.triton_start_s:.0f} |"
    return "\n".join([*_SPEEDS, *parts, triton, "", where, "", *_PLANS, *plans, ""])


def plan(found: Times, per_min: float) -> dict[str, int]:
    """How many of each part questions at this rate take.

    Args:
        found: the measured speeds.
        per_min: questions a minute, above 0.

    Returns:
        By part; `triton` does the work of embedders and generators both.
    """
    seconds = {part: 1 / _fastest(found.parts[part]).per_s for part in PARTS}
    seconds["triton"] = seconds["embedder"] + seconds["generator"]
    wanted = ("embedder", "retriever", "triton")
    return {part: ceil(per_min / 60 * seconds[part] / USED) for part in wanted}


def replaced(page: str, tables: str) -> str:
    """The page with these tables between its marks."""
    between = re.compile(f"(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", re.DOTALL)
    return between.sub(lambda _: tables, page)


def _fastest(part: PartTimes) -> Level:
    return max(part.levels, key=lambda level: level.per_s)


def _speed(name: str, part: PartTimes) -> str:
    level = _fastest(part)
    return f"| {name} | {level.in_hand} | {level.per_s:.2g} | {part.slowest_start_s:.0f} |"


def _plan(found: Times, per_min: float) -> str:
    counts = plan(found, per_min).values()
    return f"| {per_min:g} | {' | '.join(str(count) for count in counts)} |"


@click.command()
def main() -> None:
    """Write the tables of docs/operations.md from benchmarks/results/stage_times.json."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(replaced(page, render(times.load())), "utf-8")


if __name__ == "__main__":
    main()
