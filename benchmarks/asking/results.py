"""What a comparison of pipelines found, as its file has it and as text. Pure."""

from collections.abc import Sequence
from typing import Self

import msgspec

from benchmarks.asking import figures
from benchmarks.asking.figures import Run
from benchmarks.asking.growth import AmongChunks, Growth
from benchmarks.asking.idle import Idle
from benchmarks.asking.killing import Killed
from benchmarks.asking.systems import CLASSIC, FLOOR, OURS
from benchmarks.machine import Machine


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The file that `--json` writes.

    Attributes:
        quick: whether it was the short form.
        pair: precision of the weights.
        streamed: whoever asked read along; else first tokens count as they come with the answer.
        ratios: ours over the classic's: `questions_per_s_at_<n>`, above 1 is better; `p50_at_1`,
            below 1 is better. Medians of what each round gave.
        ratios_by_system: the same over each system.
        plumbing_ms_p50: what one question alone takes ragstream longer, outside the models, than
            one process with the same real models, or toy ones if those were left out; None
            without both.
        plumbing_share_at_8: the share of the one process's throughput at 8 that ragstream lacks.
        medians: over the rounds, of each system under each load.
        rounds: everything measured, in its order.
        idle: one question alone.
        sleeping: the same with toy models that sleep.
        killed: what became of questions.
        growth: throughput by workers of a stage.
        chunks: one question alone among many chunks.
        machine: where.
        seconds: how long it took.
    """

    quick: bool
    pair: str
    streamed: bool
    ratios: dict[str, float]
    ratios_by_system: dict[str, dict[str, float]]
    plumbing_ms_p50: float | None
    plumbing_share_at_8: float | None
    medians: list[Run]
    rounds: list[Run]
    idle: Idle | None
    sleeping: Idle | None
    killed: list[Killed]
    growth: list[Growth]
    chunks: list[AmongChunks]
    machine: Machine
    seconds: float

    @classmethod
    def of(  # noqa: PLR0913 - one argument for each part of the file
        cls,
        runs: Sequence[Run],
        *,
        idle: Idle | None,
        sleeping: Idle | None,
        quick: bool,
        pair: str,
        streamed: bool,
        killed: Sequence[Killed],
        growth: Sequence[Growth],
        chunks: Sequence[AmongChunks],
        machine: Machine,
        seconds: float,
    ) -> Self:
        """Draw the conclusions."""
        others = dict.fromkeys(run.system for run in runs if run.system != OURS)
        by_system = {name: figures.ratios(runs, OURS, name) for name in others}
        at_8 = by_system.get(FLOOR, {}).get("questions_per_s_at_8")
        return cls(
            quick=quick,
            pair=pair,
            streamed=streamed,
            ratios=by_system.get(CLASSIC, {}),
            ratios_by_system=by_system,
            plumbing_ms_p50=alone.plumbing_ms_p50 if (alone := idle or sleeping) else None,
            plumbing_share_at_8=figures.share_lost(at_8),
            medians=figures.medians(runs),
            rounds=list(runs),
            idle=idle,
            sleeping=sleeping,
            killed=list(killed),
            growth=list(growth),
            chunks=list(chunks),
            machine=machine,
            seconds=seconds,
        )

    def text(self) -> str:
        """Everything worth reading."""
        parts = [
            figures.table(self.medians) if self.medians else "",
            figures.ratio_lines(self.ratios_by_system, OURS),
            _plumbing(self),
            "\n".join(map(_killed, self.killed)),
            "\n".join(map(_growth, self.growth)),
            "\n".join(map(_among, self.chunks)),
        ]
        disturbed = max((run.busy_others for run in self.rounds), default=0.0)
        parts.append(f"everything else used up to {disturbed:.2f} cores during a run")
        return "\n\n".join(part for part in parts if part)


def _plumbing(found: Results) -> str:
    lines = [
        f"plumbing, {kind}: {one.plumbing_ms_p50:.1f} ms p50 beyond one process "
        f"outside the models; with them {one.slower_ms_p50:.1f} ms "
        f"({one.slower_ms_low:.0f} to {one.slower_ms_high:.0f}) longer than its "
        f"{one.floor_ms_p50:.1f}, with {one.cpu_ms - one.floor_cpu_ms:.0f} ms more processor time"
        for kind, one in (("real models", found.idle), ("toy models", found.sleeping))
        if one
    ]
    if found.plumbing_share_at_8 is not None:
        lines.append(f"plumbing: {found.plumbing_share_at_8:.1%} of one process's throughput at 8")
    return "\n".join(lines)


def _killed(one: Killed) -> str:
    return (
        f"{one.system}, {one.victim} killed: {one.answered} of {one.asked} answered, "
        f"{one.lost} lost, {one.twice} twice, longest gap {one.longest_gap_s:.1f} s"
    )


def _growth(one: Growth) -> str:
    speeds = ", ".join(
        f"{count}: {speed:.2f}/s ({one.ratios[count]:.2f}x)"
        for count, speed in one.questions_per_s.items()
    )
    return f"{one.stage}, simulated model time, by workers: {speeds}"


def _among(one: AmongChunks) -> str:
    return (
        f"{one.chunks:,} chunks, no model time: p50 {one.p50_ms:.1f} ms, "
        f"of it the retriever {one.retriever_ms:.1f} ms"
    )
