"""The pipeline in simulated time: a trace, a plan and measured times in, what happened out."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks.scaling import hpa
from benchmarks.scaling.deployment import Deployment, Pod
from benchmarks.scaling.keda import Activation, Scaled
from benchmarks.scaling.sharing import Done, Sharing
from benchmarks.scaling.stage import Item, Stage, on_its_own
from benchmarks.scaling.timeline import Timeline
from benchmarks.scaling.times import Times
from benchmarks.scaling.traces import Trace
from benchmarks.scaling.tritons import Tritons

TRITON = "triton"
SAMPLE_S = 5.0
SCRAPE_S = 30.0  # Prometheus's usual interval: what KEDA reads there is up to so old


@dataclass(frozen=True, kw_only=True)
class Part:
    """One stage of a pipeline.

    Attributes:
        name: of the worker.
        stream: that it reads, without the namespace.
        slots: entries that one worker has in hand.
        on_triton: its work is done there.
    """

    name: str
    stream: str
    slots: int
    on_triton: bool = False


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What nothing here measured.

    Attributes:
        schedule_s: from a pod's creation until its process begins; its image is on the node.
        notice_s: from ready until the next probe has seen it and the name has it.
        rows: questions that one Triton runs at once.
    """

    schedule_s: float = 5.0
    notice_s: float = 5.0
    rows: int = 16


@dataclass
class Outcome:
    """What happened.

    Attributes:
        came_s: when each question came, by its number.
        done_s: when each was done; one that is missing never was.
        samples: every SAMPLE_S: (seconds, entries in all streams, replicas by part).
        replica_s: seconds of pods, by part.
        left: entries at the end, by stream.
    """

    came_s: Sequence[float]
    done_s: dict[int, float] = field(default_factory=dict)
    samples: list[tuple[float, int, dict[str, int]]] = field(default_factory=list)
    replica_s: dict[str, float] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)


class World:
    """Everything that runs.

    Args:
        trace: what comes.
        parts: the stages, in their order.
        plan: how each part is scaled, `triton` among them where one is used.
        times: measured.
        assumed: what was not.
        seed: of the phases and of the entries' work.
    """

    def __init__(
        self,
        trace: Trace,
        parts: Sequence[Part],
        plan: Mapping[str, Scaled],
        times: Times,
        assumed: Assumed,
        seed: int,
    ) -> None:
        self.timeline, self._rng = Timeline(), random.Random(seed)  # noqa: S311 - no secret
        self._trace, self._times, self._assumed, self._plan = trace, times, assumed, plan
        self.outcome = Outcome(trace.arrivals_s)
        self._deployments: dict[str, Deployment] = {}
        self._tritons = self._make_tritons() if TRITON in plan else None
        self.stages: dict[str, Stage] = {}
        following = self._finish
        for part in reversed(parts):
            stage = self._make_stage(part, following)
            self.stages[part.stream] = stage
            following = partial(self._hand_on, part, stage)
        self._first = following

    def run(self) -> Outcome:
        """Let the whole trace happen."""
        for number, at_s in enumerate(self._trace.arrivals_s):
            self.timeline.after(at_s, partial(self._first, number))
        for name, scaled in self._plan.items():
            if scaled.triggers:
                self._scale(self._deployments[name], scaled)
        self.timeline.every(SAMPLE_S, self._sample)
        self.timeline.run(self._trace.until_s)
        spent = {name: one.replica_s() for name, one in self._deployments.items()}
        self.outcome.replica_s = spent
        self.outcome.left = {name: stage.count("length") for name, stage in self.stages.items()}
        return self.outcome

    def _make_tritons(self) -> Tritons:
        levels, rows = self._times.parts["generator"].levels, self._assumed.rows
        own = self._times.triton_start_s + self._times.models_s + self._assumed.notice_s
        server = partial(Sharing, self.timeline, levels, rows)
        return Tritons(self.timeline, self._deploy(TRITON, own, server))

    def _make_stage(self, part: Part, on_done: Callable[[int], None]) -> Stage:
        measured = self._times.parts[part.name]
        server = partial(Sharing, self.timeline, measured.levels, part.slots)
        submit: Callable[[Pod, float, Done], None] = on_its_own
        if part.on_triton and self._tritons:
            submit = self._tritons.submit
        deployment = self._deploy(
            part.name, measured.slowest_start_s, None if part.on_triton else server
        )
        stage = Stage(self.timeline, deployment, part.slots, submit, on_done)
        if part.on_triton:
            deployment.on_late = None  # what a Triton has begun is not taken back here
        return stage

    def _deploy(
        self, name: str, start_s: float, server: Callable[[], Sharing] | None
    ) -> Deployment:
        whole_s = self._assumed.schedule_s + start_s
        made = Deployment(self.timeline, whole_s, self._plan[name].least, server)
        self._deployments[name] = made
        return made

    def _hand_on(self, part: Part, stage: Stage, number: int) -> None:
        stage.add(Item(number, self._rng.choice(self._times.parts[part.name].spread)))

    def _finish(self, number: int) -> None:
        self.outcome.done_s[number] = self.timeline.now_s

    def _sample(self) -> None:
        backlog = sum(stage.count("length") for stage in self.stages.values())
        replicas = {name: len(one.pods) for name, one in self._deployments.items()}
        self.outcome.samples.append((self.timeline.now_s, backlog, replicas))

    def _scale(self, deployment: Deployment, scaled: Scaled) -> None:
        """Let HPA look every 15 s, and KEDA at its own pace where there may be none."""
        autoscaler, targets = scaled.autoscaler(), [one.target for one in scaled.triggers]
        read = [self._reader(one.of, one.count) for one in scaled.triggers]

        def sync() -> None:
            if current := deployment.replicas:
                pairs = zip(read, targets, strict=True)
                wanted = [hpa.proposal(count(), target, current) for count, target in pairs]
                deployment.scale(autoscaler.step(self.timeline.now_s, current, wanted))

        self.timeline.every(hpa.SYNC_S, sync, self._rng.uniform(0, hpa.SYNC_S))
        if scaled.least == 0:
            activation = Activation(scaled.cooldown_s)

            def poll() -> None:
                counts, now_s = [count() for count in read], self.timeline.now_s
                deployment.scale(activation.step(now_s, deployment.replicas, counts))

            self.timeline.every(scaled.polling_s, poll, self._rng.uniform(0, scaled.polling_s))

    def _reader(self, of: str, count: str) -> Callable[[], float]:
        """What gives a trigger's number: Redis's at once, Prometheus's from its last scrape."""
        if of != TRITON:
            return partial(self.stages[of].count, count)  # type: ignore[arg-type] # a Count, of a Trigger
        last = [0.0]

        def scrape() -> None:
            last[0] = float(self._tritons.waiting()) if self._tritons else 0.0

        self.timeline.every(SCRAPE_S, scrape, self._rng.uniform(0, SCRAPE_S))
        return lambda: last[0]
