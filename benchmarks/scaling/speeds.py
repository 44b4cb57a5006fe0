"""From what was measured to speeds.

How fast Triton generates, another benchmark has measured (docs/benchmarks.md),
with nothing else running.
"""

from collections.abc import Sequence
from statistics import fmean

import msgspec

from benchmarks import prompts
from benchmarks import results as generation
from benchmarks.places import ROOT
from benchmarks.results import OURS
from benchmarks.scaling.times import Level, PartTimes

GENERATION, PRECISION = ROOT / "benchmarks" / "results" / "generation.json", "fp32"


def steady_per_s(ids_ms: Sequence[int], in_hand: int) -> float:
    """Entries a second once the slots were full: what came after the first `in_hand`."""
    seconds = (ids_ms[-1] - ids_ms[in_hand - 1]) / 1000
    return (len(ids_ms) - in_hand) / max(seconds, 0.001)


def compared() -> generation.Results:
    """The committed comparison of our generator with llama.cpp's server."""
    return msgspec.json.decode(GENERATION.read_bytes(), type=generation.Results)


def generator_times(found: generation.Results, start_s: list[float]) -> PartTimes:
    """The generator's, as the comparison with llama.cpp measured its Triton. Pure."""
    rows = [row.figures for row in found.medians if (row.system, row.pair) == (OURS, PRECISION)]
    clients = [row.clients for row in found.medians if (row.system, row.pair) == (OURS, PRECISION)]
    alone = rows[0]
    costs = [
        prompt / alone.prefill_tokens_per_s + new / alone.decode_tokens_per_s
        for prompt in prompts.PROMPT_TOKENS
        for new in prompts.NEW_TOKENS
    ]
    return PartTimes(
        start_s=start_s,
        levels=[
            Level(in_hand=count, per_s=round(row.requests / row.seconds, 3))
            for count, row in zip(clients, rows, strict=True)
        ],
        spread=sorted(round(cost / fmean(costs), 2) for cost in costs),
    )
