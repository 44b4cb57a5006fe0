"""Figures of a benchmark, from outcomes that can be computed by hand."""

import pytest

from benchmarks.figures import Figures, covered, median_interval, medians, percentile, summarize
from benchmarks.load import Outcome


def outcome(sent_s: float, first_s: float, last_s: float, new_tokens: int = 11) -> Outcome:
    return Outcome(
        prompt_tokens=100,
        new_tokens=new_tokens,
        sent_s=sent_s,
        first_s=first_s,
        last_s=last_s,
        longest_gap_s=0.5,
    )


def figures(tokens_per_s: float, requests: int = 8) -> Figures:
    found = summarize([outcome(0, 1, 2)])
    return Figures(
        **{
            **{name: getattr(found, name) for name in Figures.__struct_fields__},
            "tokens_per_s": tokens_per_s,
            "requests": requests,
        }
    )


def test_rates_count_from_the_first_send_to_the_last_token() -> None:
    """Waiting of one client while another is done would count as no time."""
    found = summarize([outcome(10, 11, 13), outcome(11, 14, 15)])
    assert found.seconds == 5
    assert found.tokens_per_s == pytest.approx(22 / 5)
    assert found.decode_tokens_per_s == pytest.approx((10 / 2 + 10 / 1) / 2)


def test_times_to_the_first_token() -> None:
    """A client's wait would be read off another's."""
    found = summarize([outcome(0, wait, 10) for wait in (4, 1, 2, 3)])
    assert found.ttft_mean_s == 2.5
    assert (found.ttft_p50_s, found.ttft_p95_s) == (2, 4)


def test_prefill_counts_seconds_in_which_anybody_waits_once() -> None:
    """Clients that wait together would make prefill look slow."""
    found = summarize([outcome(0, 2, 9), outcome(0, 4, 9), outcome(6, 7, 9)])
    assert found.prefill_tokens_per_s == pytest.approx(300 / 5)


def test_one_token_has_no_decode_rate_to_divide_by() -> None:
    """A request for one token would end the benchmark."""
    assert summarize([outcome(0, 1, 1, new_tokens=1)]).decode_tokens_per_s == 0


@pytest.mark.parametrize(("percent", "expected"), [(1, 10), (50, 10), (51, 20), (95, 20)])
def test_percentiles_are_values_that_occurred(percent: float, expected: float) -> None:
    """The worst of few requests would be averaged away."""
    assert percentile([10, 20], percent) == expected


def test_a_union_of_spans() -> None:
    """Spans inside or beside each other would be counted twice or not at all."""
    assert covered([(5, 6), (0, 3), (1, 2), (3, 4)]) == 5


def test_medians_are_taken_figure_by_figure() -> None:
    """One slow round would decide the result."""
    found = medians([figures(10), figures(90), figures(20)])
    assert found.tokens_per_s == 20
    assert found.requests == 8
    assert isinstance(found.requests, int)


def test_the_interval_of_a_median_is_that_of_the_tables() -> None:
    """A difference would seem sure that the machine's noise made."""
    assert median_interval(range(1, 41)) == (13, 28)  # 40 values: ranks 14 and 27, or one wider
    assert median_interval([3.0]) == (3.0, 3.0)
