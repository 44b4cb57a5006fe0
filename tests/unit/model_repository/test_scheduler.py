"""Who runs where, and what the next step is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pace import Pace
from scheduler import Decode, Prefill, QueueFull, Scheduler, Seat, Waiting


def scheduler(
    rows: int = 2, cache_tokens: int = 100, max_waiting: int = 9, parts: int = 1, steps: int = 1
) -> Scheduler[str]:
    return Scheduler(
        rows=rows,
        cache_tokens=cache_tokens,
        max_waiting=max_waiting,
        pace=Pace(32, 1.0, parts),
        steps=steps,
    )


def ask(plan: Scheduler[str], name: str, prompt: int = 10, answer: int = 5) -> None:
    plan.submit(Waiting(name, prompt, prompt + answer), bulk=name.islower())


def step(plan: Scheduler[str]) -> str:
    """Admit and do the next step; what it was, in words."""
    plan.admit()
    taken = plan.next()
    return finish(plan, taken) if taken else ""


def finish(plan: Scheduler[str], taken: Prefill[str] | Decode[str]) -> str:
    """Do a step that was taken; what it was, in words."""
    for seat in taken.seats:
        seat.cached = seat.cached + 1 if isinstance(taken, Decode) else seat.chunk_stop
    plan.done(taken)
    names = "".join(seat.request for seat in taken.seats)
    return names if isinstance(taken, Decode) else f"{names}:{taken.seat.cached}"


def take(plan: Scheduler[str]) -> Prefill[str] | Decode[str]:
    """Admit, and take a step that goes on until `finish`."""
    plan.admit()
    taken = plan.next()
    assert taken
    return taken


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
    for _ in range(3):
        part = take(plan)
        assert isinstance(part, Prefill)
        assert (part.seat.request, part.seat.chunk_stop, part.parts) == ("B", 16, 1)
        assert part.seat.held == 40
        plan.done(part)
        assert step(plan) == "A"


def test_a_prompt_is_read_while_others_decode() -> None:
    """A second thread would have nothing to do, or a prompt wait for each token of the others."""
    plan = scheduler(steps=2)
    ask(plan, "A")
    step(plan)
    ask(plan, "B", prompt=40)
    decode = take(plan)
    prefill = decode if isinstance(decode, Prefill) else take(plan)
    decode = take(plan) if isinstance(decode, Prefill) else decode
    assert isinstance(prefill, Prefill)
    assert isinstance(decode, Decode)
    assert plan.next() is None
    assert finish(plan, decode) == "A"
    assert step(plan) == "A"


def test_nobody_waits_for_a_chunk_beside_a_step_that_decodes() -> None:
    """Prompts would be read in small, slow chunks for the sake of readers they hold up no more."""
    plan = scheduler(steps=2, parts=3)
    ask(plan, "A")
    step(plan)
    decode = take(plan)
    ask(plan, "B", prompt=40)
    prefill = take(plan)
    assert isinstance(prefill, Prefill)
    assert (prefill.seat.chunk_stop, prefill.parts) == (32, 3)
    assert finish(plan, decode) == "A"


def test_as_many_prompts_are_read_as_steps_may_be_under_way() -> None:
    """One core would wait while the other reads; or more would read than there are threads."""
    plan = scheduler(rows=9, steps=2)
    for name in "ABC":
        ask(plan, name)
    first, second = take(plan), take(plan)
    assert plan.next() is None
    assert plan.admit() is None
    assert [finish(plan, one) for one in (first, second)] == ["A:10", "B:10"]


def test_who_was_seated_first_is_read_first() -> None:
    """A prompt in a higher row would be overtaken by all that come after it."""
    plan = scheduler(rows=4, cache_tokens=500, steps=2)
    [first] = seated(plan, "A")
    ask(plan, "B", prompt=100)
    ask(plan, "C", prompt=100)
    plan.admit()
    plan.admit()
    plan.leave(first)
    plan.leave(plan.seats[0])  # as B, given up; C's row is above
    ask(plan, "D")
    assert step(plan) == "C:32"


def test_one_step_at_a_time_decodes() -> None:
    """Whose answer ends within a step would let another one move rows that it still computes."""
    plan = scheduler(rows=3, steps=2)
    [first] = seated(plan, "A")
    decode = take(plan)
    plan.leave(first)
    ask(plan, "B")
    assert step(plan) == "B:10"
    assert plan.next() is None
    assert plan.compact() is None
    assert finish(plan, decode) == "A"
    assert plan.compact()
    assert step(plan) == "B"


def test_a_seat_stays_in_its_row_while_a_step_has_it() -> None:
    """Its first token would be written to the row that it has just left."""
    plan = scheduler(steps=2)
    [first] = seated(plan, "A")
    ask(plan, "B")
    steps = [take(plan), take(plan)]
    prompt = next(one for one in steps if isinstance(one, Prefill))
    finish(plan, next(one for one in steps if isinstance(one, Decode)))
    plan.leave(first)
    prompt.seat.cached = prompt.seat.prompt_tokens
    assert plan.compact() is None
    plan.done(prompt)
    assert plan.compact() == (prompt.seat, 1)


def test_no_row_is_given_that_a_step_under_way_computes() -> None:
    """What such a step writes in a row between would spoil the prompt that is read into it."""
    plan = scheduler(rows=4, steps=2)
    first, second, third = seated(plan, "ABC")
    decode = take(plan)
    plan.leave(second)  # as a prompt that is given up would
    ask(plan, "D")
    assert plan.compact() is None
    assert (seat := plan.admit())
    assert seat.row == 3
    finish(plan, decode)
    assert plan.compact() == (third, 2)
    assert first.row == 0


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
