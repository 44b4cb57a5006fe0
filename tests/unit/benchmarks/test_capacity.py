"""The capacity that docs/operations.md promises follows from what was measured."""

from benchmarks import capacity
from benchmarks.machine import Machine
from benchmarks.scaling import times
from benchmarks.scaling.times import Level, PartTimes, Times


def made(**per_s: float) -> Times:
    parts = {
        part: PartTimes(
            start_s=[1.0, 3.0],
            levels=[Level(in_hand=1, per_s=speed / 2), Level(in_hand=8, per_s=speed)],
        )
        for part, speed in per_s.items()
    }
    here = Machine(cpu="C", cores=2, memory_bytes=1, system="S", versions={})
    return Times(
        command="measure",
        question="q",
        document="d",
        parts=parts,
        triton_start_s=9.0,
        models_s=1.0,
        busy_others=0.1,
        machine=here,
    )


def test_a_triton_does_the_work_of_two_parts() -> None:
    """A cluster planned by the table would fall behind the questions that it was planned for."""
    found = made(ingestor=1, embedder=2, retriever=100, generator=0.5)
    # 0.7 questions a second: 0.35 s of embedding and 1.4 s of generating in each second
    assert capacity.plan(found, 42) == {"embedder": 1, "retriever": 1, "triton": 3}


def test_the_page_is_that_of_the_measurement() -> None:
    """The page would promise what was measured on some other day."""
    page = capacity.PAGE.read_text("utf-8")
    assert page == capacity.replaced(page, capacity.render(times.load()))
    assert capacity.BEGIN in page
