"""Rate and time left, by a clock of the test's own."""

from services.cli.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_the_rate_is_of_this_start_alone() -> None:
    """After a new start, what was done yesterday would promise an end within seconds."""
    clock = Clock()
    pace = Pace(300, 200, clock)
    assert (pace.per_s, pace.left_s, str(pace)) == (0, None, "200 of 300")
    clock.now_s += 10
    pace.add(20)
    assert (pace.per_s, pace.left_s) == (2.0, 40.0)
    assert str(pace) == "220 of 300, 2.0/s, 40 s left"


def test_the_rate_follows_a_change() -> None:
    """A run that slowed down hours ago would still promise its first speed."""
    clock = Clock()
    pace = Pace(100_000, 0, clock, look_every_s=1)
    for count in [100] * 100 + [1] * 100:
        clock.now_s += 1
        pace.add(count)
    assert 0.9 < pace.per_s < 1.1


def test_slow_runs_are_told_by_the_minute() -> None:
    """`0.0/s` would look like a run that stands still."""
    clock = Clock()
    pace = Pace(10, 0, clock)
    clock.now_s += 60
    pace.add(3)
    assert str(pace) == "3 of 10, 3.0/min, 2 min left"


def test_nothing_is_left_at_the_end() -> None:
    """A finished run would say that it needs more time."""
    clock = Clock()
    pace = Pace(2, 0, clock)
    clock.now_s += 1
    pace.add(2)
    assert str(pace) == "2 of 2, 2.0/s"
