"""Who runs where, and what the next step is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pace import Pace
from scheduler import Decode, Prefill, QueueFull, Scheduler, Seat, Waiting


def scheduler(
    rows: int = 2, cache_tokens: int = 100, max_waiting: int = 9, parts: int = 1
) -> Scheduler[str]:
    pace = Pace(32, 1.0, parts)
    return Scheduler(rows=rows, cache_tokens=cache_tokens, max_waiting=max_waiting, pace=pace)


def ask(plan: Scheduler[str], name: str, prompt: int = 10, answer: int = 5) -> None:
    plan.submit(Waiting(name, prompt, prompt + answer), bulk=name.islower())


def step(plan: Scheduler[str]) -> str:
    """Admit and do the next step; what it was, in words."""
    plan.admit()
    match plan.next():
        case Prefill(seat, _):
            seat.cached = seat.chunk_stop
            return f"{seat.request}:{seat.cached}"
        case Decode(seats):
            for seat in seats:
                seat.cached += 1
            return "".join(seat.request for seat in seats)
    return ""


def test_a_prompt_goes_in_chunks_then_decodes() -> None:
    """A long prompt would hold the engine for its whole length."""
    plan = scheduler()
    ask(plan, "A", prompt=70)
    assert [step(plan) for _ in range(5)] == ["A:32", "A:64", "A:70", "A", "A"]


def test_others_decode_between_the_chunks_of_a_prompt() -> None:
    """A prompt of 4,000 tokens would stall everybody's answers."""
    plan = scheduler()
    ask(plan, "A")
    step(plan)
    ask(plan, "B", prompt=40)
    assert [step(plan) for _ in range(6)] == ["A", "B:16", "A", "B:32", "A", "B:40"]
    assert step(plan) == "AB"


def test_others_decode_between_the_parts_that_a_chunk_passes() -> None:
    """One chunk, deep in a long prompt, would stall everybody for all layers of the model."""
    plan = scheduler(parts=3)
    ask(plan, "A")
    step(plan)
    ask(plan, "B", prompt=40)
    step(plan)
    plan.admit()
    for _ in range(3):
        match plan.next():
            case Prefill(seat, 1):
                assert (seat.request, seat.cached, seat.chunk_stop, seat.held) == ("B", 0, 16, 16)
        match plan.next():
            case Decode([only]):
                assert only.request == "A"


def test_one_joins_while_others_run_and_a_row_is_free() -> None:
    """Requests would wait for the whole batch before them."""
    plan = scheduler(rows=2)
    for name in "ABC":
        ask(plan, name)
    assert [step(plan) for _ in range(4)] == ["A:10", "A", "B:10", "AB"]
    assert plan.waiting == 1
    plan.leave(plan.seats[0])
    assert [step(plan) for _ in range(3)] == ["C:10", "CB", "CB"]


def test_who_does_not_fit_waits_and_is_not_overtaken() -> None:
    """The cache would overflow, or a long request would wait for ever behind short ones."""
    plan = scheduler(rows=9, cache_tokens=30)
    ask(plan, "A")
    step(plan)
    ask(plan, "B", prompt=20)
    ask(plan, "C")
    assert [step(plan) for _ in range(3)] == ["A", "A", "A"]
    plan.leave(plan.seats[0])
    assert step(plan) == "B:20"


def test_a_full_queue_refuses() -> None:
    """Requests would pile up without bound and all time out."""
    plan = scheduler(max_waiting=1)
    ask(plan, "A")
    with pytest.raises(QueueFull, match="queue is full: 1 requests wait"):
        ask(plan, "B")


def test_the_lane_of_people_goes_first() -> None:
    """A question would wait behind a bulk run."""
    plan = scheduler(rows=1)
    for name in "abC":
        ask(plan, name)
    assert step(plan) == "C:10"


def test_a_withdrawn_request_does_not_run() -> None:
    """Answers nobody waits for would be computed."""
    plan = scheduler()
    ask(plan, "A")
    ask(plan, "B")
    assert plan.withdraw(lambda name: name == "A") == ["A"]
    assert step(plan) == "B:10"


def seated(plan: Scheduler[str], names: str) -> list[Seat[str]]:
    for name in names:
        ask(plan, name)
        while f"{name}:10" != step(plan):
            pass
    return [seat for name in names for seat in plan.seats if seat.request == name]


def test_a_decoding_request_moves_to_a_lower_free_row() -> None:
    """A single answer in the last row would cost as much as a full batch."""
    plan = scheduler(rows=3)
    first, second, third = seated(plan, "ABC")
    plan.leave(first)
    assert plan.compact() == (third, 2)
    assert (third.row, second.row) == (0, 1)
    assert plan.compact() is None


REQUESTS = st.tuples(st.integers(1, 40), st.integers(1, 20), st.integers(0, 9))


@given(st.lists(REQUESTS, max_size=12))
def test_whatever_comes_fits_and_is_done(requests: list[tuple[int, int, int]]) -> None:
    """A row or tokens would be given twice, or a request would never run."""
    plan, done = scheduler(rows=3, cache_tokens=90, max_waiting=99), 0
    for number, (prompt, answer, steps_before) in enumerate(requests):
        done += sum(settle(plan) for _ in range(steps_before))
        plan.submit(Waiting(str(number), prompt, prompt + answer))
    done += sum(settle(plan) for _ in range(60 * len(requests)))
    assert done == len(requests)


def settle(plan: Scheduler[str]) -> int:
    """One step, after which the finished leave; how many did."""
    step(plan)
    assert sum(seat.total_tokens for seat in plan.seats) <= 90
    finished = [seat for seat in plan.seats if seat.cached == seat.total_tokens]
    for seat in finished:
        plan.leave(seat)
    plan.compact()
    rows = [seat.row for seat in plan.seats]
    assert len(set(rows)) == len(rows)
    return len(finished)
