"""What the plumbing costs one question alone: ours against one process with the same models.

What ragstream takes longer outside the models is Redis, Triton, gRPC, workers and the search. With
the real models, and with toys that write a word each step, as slowly as the default model does.
The models' own time is left out of both: on a machine whose speed drifts by a tenth within seconds
it differs by more than what is looked for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.asking import program, setup, stack, systems
from benchmarks.asking.program import Outcome, Program
from benchmarks.figures import median_interval
from tests.chaos.servers import MODELS

STEP_MS, WORDS = 30, 32
QUESTIONS, QUICK_QUESTIONS = 40, 10


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """One question at a time; milliseconds.

    Attributes:
        plumbing_ms_p50: median of what each question took ours longer than the floor, the time in
            which models computed left out of both.
        slower_ms_p50: the same with the models' time.
        slower_ms_low: lower end of a 95 % interval of that; `slower_ms_high` is the upper one.
        slower_ms_high: see `slower_ms_low`.
        models_ms_p50: half of our answers needed models for so long; none for toys.
        floor_models_ms_p50: the same of one process.
        ours_ms_p50: half of the answers came within so long.
        floor_ms_p50: the same of one process.
        cpu_ms: processor time a question, of all of ragstream; `floor_cpu_ms` of the one process.
        floor_cpu_ms: see `cpu_ms`.
        stages_ms: medians of what a stage had it waiting and worked on it, by name.
        questions: how many were asked of each.
    """

    plumbing_ms_p50: float
    slower_ms_p50: float
    slower_ms_low: float
    slower_ms_high: float
    models_ms_p50: float
    floor_models_ms_p50: float
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
    """Ask both the same questions in turn, now one first and now the other.

    Args:
        ours: ragstream.
        floor: one process; its stage `models` says how long they computed.
        questions: one after the other.
    """
    mine, its = _Asked(ours), _Asked(floor)
    turns = cycle([(mine, its), (its, mine)])
    for question, turn in zip(questions, turns, strict=False):
        for one in turn:
            one.ask(question)
    floor_models_ms = [answer.stages_ms["models"][1] for answer in its.answers]
    outside = [a - b for a, b in zip(mine.took_ms, mine.models_ms, strict=True)]
    its_outside = [a - b for a, b in zip(its.took_ms, floor_models_ms, strict=True)]
    slower = [a - b for a, b in zip(mine.took_ms, its.took_ms, strict=True)]
    low, high = median_interval(slower)
    return Idle(
        plumbing_ms_p50=median(a - b for a, b in zip(outside, its_outside, strict=True)),
        slower_ms_p50=median(slower),
        slower_ms_low=low,
        slower_ms_high=high,
        models_ms_p50=median(mine.models_ms),
        floor_models_ms_p50=median(floor_models_ms),
        ours_ms_p50=median(mine.took_ms),
        floor_ms_p50=median(its.took_ms),
        cpu_ms=mine.cpu_s / len(questions) * 1000,
        floor_cpu_ms=its.cpu_s / len(questions) * 1000,
        stages_ms=_stages([one.stages_ms for one in mine.answers]),
        questions=len(questions),
    )


class _Asked:
    """What one of the two said so far."""

    def __init__(self, system: Program) -> None:
        self._system = system
        self.answers: list[Outcome] = []
        self.models_ms: list[float] = []
        self.cpu_s = 0.0

    def ask(self, question: str) -> None:
        """Ask it alone."""
        cpu_s, models_s = self._system.cpu_s(), self._system.models_s()
        self.answers += self._system.ask([question], 1)
        self.cpu_s += self._system.cpu_s() - cpu_s
        self.models_ms.append((self._system.models_s() - models_s) * 1000)

    @property
    def took_ms(self) -> list[float]:
        """From each question to its answer."""
        return [(one.done_s - one.asked_s) * 1000 for one in self.answers]


def _stages(each: Sequence[Mapping[str, tuple[float, float]]]) -> dict[str, tuple[float, float]]:
    """Medians over the answers."""
    return {
        stage: (
            median(one[stage][0] for one in each),
            median(one[stage][1] for one in each),
        )
        for stage in each[0]
    }
