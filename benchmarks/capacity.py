"""What the measured speeds carry, as Markdown for docs/operations.md: `python -m benchmarks.capacity`."""

from math import ceil

import click

from benchmarks.scaling import times
from benchmarks.scaling.times import PartTimes, Times

PARTS = ("ingestor", "embedder", "retriever", "generator")
QUESTIONS_PER_MIN = (1, 10, 100)
# At more of its speed than this a part's queue grows long whenever a few come at once.
USED = 0.7


def render(found: Times) -> str:
    """The tables, a line each row."""
    return "\n".join([*_speeds(found), "", *_plans(found)])


def plan(found: Times, per_min: float) -> dict[str, int]:
    """How many of each part questions at this rate take.

    Args:
        found: the measured speeds.
        per_min: questions a minute, above 0.

    Returns:
        By part, `triton` among them, which does the work of embedder and generator both.
    """
    seconds = {part: 1 / _per_s(found.parts[part]) for part in PARTS}
    seconds["triton"] = seconds["embedder"] + seconds["generator"]
    wanted = ("embedder", "retriever", "triton")
    return {part: ceil(per_min / 60 * seconds[part] / USED) for part in wanted}


def _per_s(part: PartTimes) -> float:
    """Entries a second, as fast as it goes."""
    return max(level.per_s for level in part.levels)


def _speeds(found: Times) -> list[str]:
    head = ["| one worker | entries in hand | entries a second | ready after, s |", "|---|---|---|---|"]
    for name in PARTS:
        part = found.parts[name]
        fastest = max(part.levels, key=lambda level: level.per_s)
        row = f"| {name} | {fastest.in_hand} | {fastest.per_s:.3g} | {part.slowest_start_s:.1f} |"
        head.append(row)
    return [*head, f"| Triton | | | {found.triton_start_s:.1f} |"]


def _plans(found: Times) -> list[str]:
    head = ["| questions a minute | embedders | retrievers | Tritons |", "|---|---|---|---|"]
    for rate in QUESTIONS_PER_MIN:
        counts = plan(found, rate)
        head.append(f"| {rate} | {' | '.join(map(str, counts.values()))} |")
    return head


@click.command()
def main() -> None:
    """Print the capacity tables of the speeds in benchmarks/results/stage_times.json."""
    click.echo(render(times.load()))


if __name__ == "__main__":
    main()
