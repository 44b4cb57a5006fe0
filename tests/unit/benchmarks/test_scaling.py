"""The simulated pipeline: its servers, its pods, its end."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.machine import Machine
from benchmarks.scaling import plans, study, traces
from benchmarks.scaling.account import quantile
from benchmarks.scaling.deployment import GRACE_S, Deployment
from benchmarks.scaling.keda import Activation, Scaled, fixed
from benchmarks.scaling.results import Tried
from benchmarks.scaling.sharing import Done, Sharing, per_s
from benchmarks.scaling.speeds import compared, generator_times, steady_per_s
from benchmarks.scaling.stage import Item, Stage
from benchmarks.scaling.timeline import Timeline
from benchmarks.scaling.times import Level, PartTimes, Times
from benchmarks.scaling.traces import Trace
from benchmarks.scaling.tritons import LOOK_S, Tritons
from benchmarks.scaling.world import TRITON, Assumed, Outcome, World

LEVELS = [Level(in_hand=1, per_s=1.0), Level(in_hand=4, per_s=2.5)]


def part(per_s: float, slots: int, start_s: float = 3.0) -> PartTimes:
    levels = [Level(in_hand=1, per_s=per_s / 2), Level(in_hand=slots, per_s=per_s)]
    return PartTimes(start_s=[start_s], levels=levels, spread=[0.5, 1.5])


TIMES = Times(
    command="",
    question="",
    document="",
    parts={
        "ingestor": part(1.0, 2),
        "embedder": part(50, 16),
        "retriever": part(100, 16),
        "generator": part(0.5, 16),
    },
    triton_start_s=20.0,
    models_s=3.0,
    busy_others=0.0,
    machine=Machine(cpu="", cores=2, memory_bytes=0, system="", versions={}),
)
CHOSEN = plans.questions(lag=4, window_s=120, waiting=4, ahead=True, triton_window_s=120)


def run(plan: dict[str, Scaled], arrivals_s: tuple[float, ...], until_s: float = 7200) -> Outcome:
    trace = Trace("any", arrivals_s, until_s)
    return World(trace, plans.QUESTIONS, plan, TIMES, Assumed(), seed=1).run()


@pytest.mark.parametrize(("in_hand", "speed"), [(1, 1.0), (2, 1.5), (4, 2.5), (9, 2.5)])
def test_speed_lies_between_what_was_measured(in_hand: int, speed: float) -> None:
    """A worker would be faster than any that was seen."""
    assert per_s(LEVELS, in_hand) == pytest.approx(speed)


def test_requests_share_a_server_evenly() -> None:
    """Two of the same work, the second a second later: 1/s alone, 1.5/s together."""
    timeline, done = Timeline(), list[float]()
    server = Sharing(timeline, LEVELS, rows=4)

    def add() -> None:
        server.add(2.0, lambda: done.append(timeline.now_s))

    add()
    timeline.after(1, add)
    timeline.run(100)
    assert done == pytest.approx([1 + 1 / 0.75, 1 + 1 / 0.75 + 1])


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=30), st.integers(1, 4))
def test_a_server_does_all_work_at_its_speed(works: list[float], rows: int) -> None:
    """Work would vanish, or take no time."""
    timeline, ends = Timeline(), list[float]()
    server = Sharing(timeline, [Level(in_hand=1, per_s=2.0)], rows)
    for work in works:
        server.add(work, lambda: ends.append(timeline.now_s))
    timeline.run(1e6)
    assert len(ends) == len(works)
    assert max(ends) == pytest.approx(sum(works) / 2.0, rel=1e-6)


def test_pods_cost_from_their_creation_to_their_end() -> None:
    """Starting pods would be free, and plans that flap look cheap."""
    timeline = Timeline()
    deployment = Deployment(timeline, 10, 1)
    timeline.after(100, lambda: deployment.scale(3))
    timeline.after(105, lambda: deployment.scale(2))  # the one that goes was not ready yet
    timeline.run(200)
    assert deployment.replica_s() == pytest.approx(200 + 100 + 5)
    assert len(deployment.serving) == 2


def test_what_outlasts_the_grace_is_handed_back() -> None:
    """A pod that ends would work for ever, or take its entries along."""
    timeline, late = Timeline(), list[float]()
    deployment = Deployment(timeline, 10, 1)
    [pod] = deployment.pods
    pod.in_hand = 1

    def on_late(_: object) -> None:
        late.append(timeline.now_s)
        pod.in_hand = 0

    deployment.on_late = on_late
    timeline.after(100, lambda: deployment.scale(0))
    timeline.run(200)
    assert (late, deployment.pods) == ([100 + GRACE_S], [])


def test_a_full_worker_reads_no_entry() -> None:
    """Pending would be more than what Redis says of a full worker, and pods would come for it."""
    timeline, begun, done = Timeline(), list[float](), list[int]()
    deployment = Deployment(timeline, 0, 1)

    def submit(_pod: object, work: float, finish: Done) -> None:
        begun.append(work)
        timeline.after(10, finish)

    stage = Stage(timeline, deployment, 2, submit, done.append)
    for number in range(5):
        stage.add(Item(number, number))
    assert (stage.count("pending"), stage.count("lag"), begun) == (2, 3, [0, 1])
    timeline.run(100)
    assert (done, begun) == ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    assert deployment.pods[0].in_hand == 0


def test_workers_see_new_tritons_within_a_minute() -> None:
    """New Tritons would be of use at once, and the burst seem shorter than it is."""
    timeline = Timeline()
    tritons = Deployment(timeline, 0, 1, lambda: Sharing(timeline, LEVELS, 16))
    worker = Deployment(timeline, 0, 1).pods[0]
    behind = Tritons(timeline, tritons)
    sent = list[int]()

    def send() -> None:
        behind.submit(worker, 0.1, lambda: None)
        sent.append(len(worker.known))

    timeline.every(10, send)
    timeline.after(5, lambda: tritons.scale(2))
    timeline.run(LOOK_S + 20)
    assert sent == [1] * 6 + [2] * 3


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 30))
def test_keda_goes_to_none_only_after_the_cooldown(active: list[bool], cooldown_s: int) -> None:
    """The last worker would go between two documents."""
    activation, current, quiet_s = Activation(cooldown_s), 0, float("inf")
    for now_s, is_active in enumerate(active):
        quiet_s = 0.0 if is_active else quiet_s + 1
        current = activation.step(float(now_s), current, [0.0, float(is_active)])
        assert current == (quiet_s <= cooldown_s)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.floats(0, 600), max_size=80), st.integers(0, 1000))
def test_every_question_is_done_once_whatever_pods_come_and_go(
    arrivals: list[float], seed: int
) -> None:
    """The table's waits would leave out whom the autoscaler lost."""
    trace = Trace("any", tuple(sorted(arrivals)), 7200)
    outcome = World(trace, plans.QUESTIONS, CHOSEN, TIMES, Assumed(), seed).run()
    assert sorted(outcome.done_s) == list(range(len(arrivals)))
    assert all(done > outcome.came_s[at] for at, done in outcome.done_s.items())
    assert not any(outcome.left.values())


def test_the_same_seed_gives_the_same_everything() -> None:
    """The committed result could not be checked."""
    arrivals = tuple(number * 7919 % 600 for number in range(200))
    first, second = (run(CHOSEN, tuple(sorted(arrivals))) for _ in range(2))
    assert first == second


def test_a_burst_brings_pods_and_its_end_takes_them() -> None:
    """The simulation would compare fixed plans with themselves."""
    outcome = run(CHOSEN, tuple(600 + number / 10 for number in range(600)))
    most = max(counts[TRITON] for *_, counts in outcome.samples)
    assert most == plans.MOST_TRITONS
    assert outcome.samples[-1][2][TRITON] == plans.LEAST


def test_more_tritons_all_the_time_cost_more_and_answer_sooner() -> None:
    """Cost or waits would be counted wrong."""
    arrivals = tuple(600 + number / 5 for number in range(300))
    few, many = (run(plans.fixed_plan(count), arrivals) for count in (1, 4))
    assert few.replica_s[TRITON] == pytest.approx(7200)
    assert many.replica_s[TRITON] == pytest.approx(4 * 7200)
    assert max(many.done_s.values()) < max(few.done_s.values())


def test_lag_alone_strands_what_outlasts_the_cooldown() -> None:
    """Nobody would see why there is a second trigger."""
    alone, both = study.stranded(TIMES)
    assert (alone.left, alone.done_after_s) == (1, None)
    assert both.left == 0
    assert both.done_after_s is not None


def test_traces_come_at_their_rates() -> None:
    """A burst of a hundred times would be another."""
    rng = random.Random(1)  # noqa: S311 - no secret
    found = traces.burst(0.05, rng)
    inside = [at for at in found.arrivals_s if 600 <= at < 600 + traces.BURST_S]
    assert len(inside) == pytest.approx(5 * traces.BURST_S, rel=0.1)
    day = traces.diurnal(0.5, rng).arrivals_s
    noon = [at for at in day if 11 * 3600 <= at < 13 * 3600]
    assert len(noon) == pytest.approx(0.5 * 7200, rel=0.1)


def test_the_cheapest_of_those_who_wait_hardly_longer_is_best() -> None:
    """The most expensive plan would always win, or the slowest, or who is good at bursts alone."""
    rows = [(100.0, 20.0, 9.0), (105.0, 21.0, 5.0), (120.0, 20.0, 1.0), (100.0, 30.0, 1.0)]
    tried = [
        (
            {"generator": fixed(at)},
            Tried(plan="", wait_p95_s={"burst": burst_s, "noon": noon_s}, core_h=core_h),
        )
        for at, (burst_s, noon_s, core_h) in enumerate(rows)
    ]
    assert study.best(tried) == {"generator": fixed(1)}


def test_quantiles_are_of_those_who_were_there() -> None:
    """A wait would be shown that nobody had."""
    assert [quantile([1, 2, 3, 4], share) for share in (0.0, 0.5, 0.95, 1.0)] == [1, 2, 4, 4]
    assert quantile([], 0.5) == 0


def test_a_speed_is_taken_once_all_slots_are_full() -> None:
    """The first entries would count as if nobody had had to fill the slots."""
    assert steady_per_s([0, 0, 1000, 2000, 3000], 2) == pytest.approx(1.0)


def test_the_generators_speed_is_that_of_the_comparison() -> None:
    """The simulation would speak of another Triton than the benchmark's table does."""
    found = compared()
    made = generator_times(found, [3.0])
    assert [level.in_hand for level in made.levels] == [1, 8]
    ours = [row for row in found.medians if (row.system, row.pair) == ("ragstream", "fp32")]
    tokens_each = [row.figures.new_tokens / row.figures.requests for row in ours]
    assert [level.per_s * each for level, each in zip(made.levels, tokens_each, strict=True)] == [
        pytest.approx(row.figures.tokens_per_s, rel=0.1) for row in ours
    ]
    assert sum(made.spread) / len(made.spread) == pytest.approx(1.0, abs=0.02)
