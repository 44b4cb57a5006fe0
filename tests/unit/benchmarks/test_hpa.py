"""The simulator's HorizontalPodAutoscaler against the examples of Kubernetes' own documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling.hpa import DOWN, UP, Autoscaler, Policy, Rules, proposal

counts = st.integers(1, 50)


@pytest.mark.parametrize(
    ("each", "target", "replicas", "wanted"),
    [
        (200, 100, 3, 6),  # "the number of replicas will be doubled, since 200.0 / 100.0 == 2.0"
        (50, 100, 4, 2),  # "you'll halve the number of replicas, since 50.0 / 100.0 == 0.5"
        (90, 75, 50, 60),  # the post on configurable tolerance: 50 x (90/75) = 60
        (110, 100, 10, 10),  # "sufficiently close to 1.0 (… tolerance, 0.1 by default)"
        (90, 100, 10, 10),
        (111, 100, 10, 12),
    ],
)
def test_the_formula_gives_what_the_page_says(
    each: int, target: int, replicas: int, wanted: int
) -> None:
    """Every number that comes out of the simulation would be another autoscaler's."""
    assert proposal(each * replicas, target, replicas) == wanted


@given(st.integers(0, 10**6), st.integers(1, 100), counts)
def test_a_proposal_brings_each_pod_to_its_target(metric: int, target: int, replicas: int) -> None:
    """Pods would be left with more than their share, or with nothing."""
    wanted = proposal(metric, target, replicas)
    if wanted != replicas:
        assert metric <= wanted * target < metric + target
    else:
        assert 0.89 * replicas * target - target <= metric <= 1.11 * replicas * target


def climb(
    autoscaler: Autoscaler, current: int, wanted: int, every_s: float, steps: int
) -> list[int]:
    """Replicas after each look, with the same wish at all of them."""
    found = []
    for step in range(steps):
        current = autoscaler.step(step * every_s, current, [wanted])
        found.append(current)
    return found


def test_story_1_ten_times_as_many_a_minute() -> None:
    """Enhancement 853: 900 % in 60 s leads 1 -> 10 -> 100 -> 1000."""
    fast = Rules(0, (Policy("Percent", 900, 60),))
    assert climb(Autoscaler(1, 1000, up=fast), 1, 5000, 60, 3) == [10, 100, 1000]


def test_story_2_one_pod_less_in_ten_minutes() -> None:
    """Enhancement 853: 1000 -> 1000 -> … -> 999, one in 600 s."""
    slow = Rules(0, (Policy("Pods", 1, 600),))
    found = climb(Autoscaler(1, 1000, down=slow), 1000, 1, 60, 21)
    assert found == [999] * 10 + [998] * 10 + [997]


def test_story_3_one_pod_more_in_five_minutes() -> None:
    """Enhancement 853: 1 -> 2 -> 3 -> 4."""
    gradual = Rules(0, (Policy("Pods", 1, 300),))
    assert climb(Autoscaler(1, 10, up=gradual), 1, 10, 300, 3) == [2, 3, 4]


def test_story_4_never_fewer() -> None:
    """Enhancement 853: selectPolicy Disabled."""
    never = Rules(0, DOWN.policies, "Disabled")
    assert climb(Autoscaler(1, 10, down=never), 8, 1, 15, 10) == [8] * 10


def test_story_5_the_largest_of_the_last_ten_minutes() -> None:
    """Enhancement 853: 10 stays until the recommendation of 10 is out of the window, then 9."""
    careful = Autoscaler(1, 100, down=Rules(600, (Policy("Pods", 5, 60),)))
    wishes = [10, 9, 8, 9, 9, 8, 9, 8, 9, 8, 7]
    found = [careful.step(60.0 * at, 10, [wish]) for at, wish in enumerate(wishes)]
    assert found == [10] * 10 + [9]


def test_story_6_the_smallest_of_the_last_five_minutes() -> None:
    """Enhancement 853: 2 stays until the recommendation of 2 is out of the window, then 3."""
    careful = Autoscaler(1, 100, up=Rules(300, (Policy("Pods", 20, 60),)))
    wishes = [2, 3, 19, 10, 3, 4]
    found = [careful.step(60.0 * at, 2, [wish]) for at, wish in enumerate(wishes)]
    assert found == [2] * 5 + [3]


def test_without_a_word_it_doubles_or_adds_four_every_15_s() -> None:
    """The defaults of the page: 100 % and 4 pods in 15 s, whichever is more."""
    assert climb(Autoscaler(1, 100), 1, 100, 15, 6) == [5, 10, 20, 40, 80, 100]


def test_without_a_word_fewer_pods_wait_five_minutes() -> None:
    """The default of the page: 300 s."""
    found = climb(Autoscaler(1, 100), 8, 1, 15, 22)
    assert found == [8] * 20 + [1] * 2


def test_of_several_metrics_the_largest_counts() -> None:
    """The page: "the largest of the desired replica counts is chosen"."""
    assert Autoscaler(1, 10).step(0, 2, [1, 4, 3]) == 4


@given(counts, counts, st.lists(st.tuples(st.floats(0.1, 60), st.integers(0, 100)), max_size=40))
def test_it_stays_between_its_bounds_and_within_its_pace(
    least: int, more: int, looks: list[tuple[float, int]]
) -> None:
    """A burst would start more pods than anybody allowed, or faster."""
    autoscaler, current, now_s = Autoscaler(least, least + more, up=UP), least, 0.0
    for pause_s, wish in looks:
        now_s += pause_s
        found = autoscaler.step(now_s, current, [wish])
        assert least <= found <= least + more
        assert found <= max(2 * current, current + 4)
        assert found >= current or found >= wish
        current = found
