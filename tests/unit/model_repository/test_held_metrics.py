"""When Triton is told what was counted, with a clock that the tests set."""

from held_metrics import HeldMetrics
from hypothesis import given
from hypothesis import strategies as st


class Shown:
    """A metric as Triton shows it, and how often Triton was told."""

    def __init__(self) -> None:
        self.value, self.words = 0.0, 0

    def increment(self, value: float) -> None:
        """Add."""
        self.value, self.words = self.value + value, self.words + 1

    def set(self, value: float) -> None:
        """Replace."""
        self.value, self.words = value, self.words + 1


class Held(HeldMetrics):
    """With a clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(lambda: self.now_s, every_s=0.5)


def test_tokens_cost_no_word_each() -> None:
    """Each word is a round trip between processes, for which the next token waits."""
    held, tokens, running = Held(), Shown(), Shown()
    for _ in range(100):
        held.now_s += 0.01
        held.add(tokens, 1)
        held.set(running, 3)
        held.tell(now=False)
    assert (tokens.words, running.words) == (2, 1)  # after each half second; what stands still once


def test_all_is_told_once_nothing_runs() -> None:
    """Who reads the metrics after an answer would miss its last tokens until the next question."""
    held, tokens, running = Held(), Shown(), Shown()
    held.add(tokens, 7)
    held.set(running, 1)
    held.tell(now=False)
    assert (tokens.value, running.value) == (0, 0)
    held.set(running, 0)
    held.tell(now=True)
    assert (tokens.value, running.value) == (7, 0)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.booleans())))
def test_nothing_is_lost_or_told_twice(turns: list[tuple[float, int, bool]]) -> None:
    """A counter that forgets or repeats shows speeds that never were."""
    held, tokens = Held(), Shown()
    for passes_s, count, now in turns:
        held.now_s += passes_s
        held.add(tokens, count)
        held.tell(now=now)
    held.tell(now=True)
    assert tokens.value == sum(count for _, count, _ in turns)
