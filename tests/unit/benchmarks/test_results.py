"""Ratios of a comparison, and the shape of its file."""

import msgspec

from benchmarks.machine import Busy, Machine, Times, busy
from benchmarks.report import table
from benchmarks.results import OURS, PEER, Ratios, Results, Run, better, ratios, rows
from tests.unit.benchmarks.test_figures import figures

QUIET = Busy(measured=2.0, idle=0.0, client=0.1, others=0.02)


def run(
    system: str, tokens_per_s: float, *, clients: int = 8, pair: str = "fp32", number: int = 1
) -> Run:
    return Run(
        round=number,
        pair=pair,
        clients=clients,
        system=system,
        figures=figures(tokens_per_s),
        busy=QUIET,
        memory_bytes=number * 1_000_000,
    )


def test_ratios_are_ours_over_the_peers_medians() -> None:
    """The benchmark's goals would be read upside down."""
    rounds = [
        run(system, speed, number=number)
        for number, (ours, peer) in enumerate([(30, 10), (10, 10), (20, 5)], 1)
        for system, speed in ((OURS, ours), (PEER, peer))
    ]
    found = ratios(rows(rounds))["fp32"]
    assert found.tokens_per_s_at_8 == 20 / 10
    assert found.ttft_mean_at_8 == 1
    assert found.tokens_per_s_at_1 is None


def test_the_better_pair_is_the_one_that_is_named() -> None:
    """The headline would mix two pairs, or name the worse one."""
    runs = [
        *(run(OURS, 10), run(PEER, 10)),
        *(run(OURS, 30, pair="int8"), run(PEER, 20, pair="int8")),
    ]
    best = better(ratios(rows(runs)))
    assert (best.pair, best.tokens_per_s_at_8) == ("int8", 1.5)


def test_a_row_has_the_most_memory_of_its_rounds() -> None:
    """A server that grows would show its size before it did."""
    (row,) = rows([run(OURS, 1, number=number) for number in (1, 3, 2)])
    assert row.memory_bytes == 3_000_000


def results() -> Results:
    runs = [run(name, 10, clients=count) for count in (1, 8) for name in (OURS, PEER)]
    medians = rows(runs)
    by_pair = ratios(medians)
    return Results(
        quick=True,
        ratios=better(by_pair),
        ratios_by_pair=by_pair,
        medians=medians,
        rounds=runs,
        settings={"llama.cpp": "its version"},
        machine=Machine(cpu="one", cores=2, memory_bytes=1, system="Linux", versions={}),
        seconds=1.0,
    )


def test_the_file_has_the_ratios_where_readers_look() -> None:
    """Whoever checks the goals by script would find nothing."""
    found = msgspec.json.decode(msgspec.json.encode(results()))
    wanted = {"pair", "tokens_per_s_at_8", "ttft_mean_at_8", "tokens_per_s_at_1"}
    assert set(found["ratios"]) == wanted
    assert set(found["ratios_by_pair"]["fp32"]) == wanted
    assert [one["figures"]["tokens_per_s"] for one in found["rounds"]] == [10] * 4


def test_the_table_says_what_else_was_running() -> None:
    """Figures of a busy machine would be taken for those of a quiet one."""
    text = table(results())
    assert "used up to 0.02 cores" in text
    assert "tokens/s at 8 1.00x" in text


def test_a_load_that_was_left_out_has_no_ratio() -> None:
    """A short run would end in an error."""
    found = Ratios(pair="fp32", tokens_per_s_at_8=None, ttft_mean_at_8=None, tokens_per_s_at_1=1.0)
    assert better({"fp32": found}) is found


def test_who_used_the_machine() -> None:
    """A server that spins while it is idle, or another process, would slow the other in silence."""
    before = Times(at_s=0, machine_s=0, client_s=0, programs_s={"a": 1, "b": 2})
    after = Times(at_s=10, machine_s=20, client_s=1, programs_s={"a": 13, "b": 4})
    found = busy(before, after, "a")
    assert (found.measured, found.idle, found.client, found.others) == (1.2, 0.2, 0.1, 0.5)
