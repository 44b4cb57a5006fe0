"""How long the supervisor waits before it starts a part again."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from services.cli.keeper import Rhythm


def test_delays_double_from_half_a_second_to_ten() -> None:
    """A part that cannot start would be started hundreds of times a minute."""
    assert list(islice(Rhythm().delays(), 7)) == [0.5, 1, 2, 4, 8, 10, 10]


@given(st.floats(0.01, 10), st.floats(10, 100), st.integers(1, 40))
def test_delays_stay_in_bounds(first: float, longest: float, count: int) -> None:
    """The doubling would never end."""
    delays = Rhythm(first_delay_s=first, longest_delay_s=longest).delays()
    assert all(first <= delay <= longest for delay in islice(delays, count))
