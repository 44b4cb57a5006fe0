"""What the plumbing costs one question alone: ours against one process with the same models.

What ragstream takes longer is Redis, Triton, gRPC, workers and the search. With the real models,
and with toys that write a word each step, as slowly as the default model does.
"""

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.asking import program, setup, stack, systems
from benchmarks.asking.program import Outcome, Program
from tests.chaos.servers import MODELS

STEP_MS, WORDS = 30, 32
QUESTIONS, QUICK_QUESTIONS = 40, 10


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """One question at a time; milliseconds.

    Attributes:
        plumbing_ms_p50: median of what each question took ours longer than the floor.
        ours_ms_p50: half of the answers came within so long.
        floor_ms_p50: the same of one process.
        cpu_ms: processor time a question, of all of ragstream; `floor_cpu_ms` of the one process.
        floor_cpu_ms: see `cpu_ms`.
        stages_ms: medians of what a stage had it waiting and worked on it, by name.
        questions: how many were asked of each.
    """

    plumbing_ms_p50: float
    ours_ms_p50: float
    floor_ms_p50: float
    cpu_ms: float
    floor_cpu_ms: float
    stages_ms: dict[str, tuple[float, float]]
    questions: int


def simulated(
    documents: Mapping[str, str], questions: Sequence[str], folder: Path, *, count: int
) -> Idle:
    """Both with toy models: the processors sleep while the model would compute."""
    settings, asked = {"TOY_STEP_MS": str(STEP_MS)}, questions[:count]
    with stack.running(folder / "toys", MODELS, variables=settings) as running:
        asyncio.run(systems.ingest(running, documents))
        own = {**systems.own_setup(running, stream=False), "new_tokens": WORDS}
        floor = {
            "hits": asyncio.run(setup.hits(running, asked)),
            "toy_step_s": STEP_MS / 1000,
            "new_tokens": WORDS,
            "stream": False,
        }
        roots = [int(running.state()["pid"])]
        with (
            program.running("ours", program.OURS, own, folder, roots) as ours,
            program.running("floor", program.FLOOR, floor, folder) as one_process,
        ):
            return compare(ours, one_process, asked)


def compare(ours: Program, floor: Program, questions: Sequence[str]) -> Idle:
    """Ask both the same questions, one at a time, a few in turn."""
    parts = [questions[at : at + 5] for at in range(0, len(questions), 5)]
    answers: dict[str, list[Outcome]] = {ours.name: [], floor.name: []}
    cpu_s = dict.fromkeys(answers, 0.0)
    for part in parts:
        for system in (ours, floor):
            before = system.cpu_s()
            answers[system.name] += system.ask(part, 1)
            cpu_s[system.name] += system.cpu_s() - before
    took_ms = {
        name: [(one.done_s - one.asked_s) * 1000 for one in found]
        for name, found in answers.items()
    }
    p50 = {name: statistics.median(each) for name, each in took_ms.items()}
    pairs = zip(took_ms[ours.name], took_ms[floor.name], strict=True)
    return Idle(
        plumbing_ms_p50=statistics.median(mine - other for mine, other in pairs),
        ours_ms_p50=p50[ours.name],
        floor_ms_p50=p50[floor.name],
        cpu_ms=cpu_s[ours.name] / len(questions) * 1000,
        floor_cpu_ms=cpu_s[floor.name] / len(questions) * 1000,
        stages_ms=_stages([one.stages_ms for one in answers[ours.name]]),
        questions=len(questions),
    )


def _stages(each: Sequence[Mapping[str, tuple[float, float]]]) -> dict[str, tuple[float, float]]:
    """Medians over the answers."""
    return {
        stage: (
            statistics.median(one[stage][0] for one in each),
            statistics.median(one[stage][1] for one in each),
        )
        for stage in each[0]
    }
