"""The pipeline as `status` draws it."""

from services.cli import pipeline_view
from shared.stages import ConsumerView, PipelineView, StageView, Work
from shared.whereabouts import Whereabouts


def consumer(name: str, *, pending: int = 0, idle_s: float = 1.0) -> ConsumerView:
    shown = [
        Work(entry_id=f"{number}-0", subject=None, age_s=90, idle_s=1, attempt=2)
        for number in range(pending)
    ]
    return ConsumerView(
        group="generator", name=name, pending=pending, idle_s=idle_s, in_hand=tuple(shown)
    )


def lines(*consumers: ConsumerView) -> list[str]:
    stage = StageView(
        name="generate:bulk", stream="rag:generate:bulk", lag=None, consumers=consumers
    )
    return list(pipeline_view.lines(PipelineView(namespace="rag", at_ms=0, stages=(stage,))))


def test_columns_stand_under_their_heads_and_the_unknown_is_no_number() -> None:
    """A lag that Redis cannot tell would be read as none."""
    _, head, row = lines()
    assert row.index("?") == head.index("lag") + 2
    assert row.split() == ["generate:bulk", "0", "?", "0"]


def test_the_names_of_workers_long_gone_are_counted_and_not_listed() -> None:
    """After a hundred restarts the living would be lost among the dead."""
    gone = [consumer(f"old-{number}", idle_s=3600) for number in range(100)]
    shown = lines(consumer("stuck", pending=1, idle_s=3600), consumer("new"), *gone)[3:]
    assert shown == [
        "  generator stuck: 1 in hand, heard of 1 h ago",
        "    entry 0-0  here for 2 min, attempt 2",
        "  generator new: waits for work, heard of 1 s ago",
        "  100 more with nothing in hand, quiet for over 1 min",
    ]


def test_of_many_in_hand_the_first_are_shown() -> None:
    """One worker's hundred entries would scroll all stages away."""
    shown = lines(consumer("busy", pending=50))
    assert len(shown) == 4 + pipeline_view.SHOWN_IN_HAND + 1
    assert shown[-1] == "    and 40 more"


def test_a_search_that_was_cut_is_no_certainty() -> None:
    """An operator would ask the question again, and have it answered twice."""
    found = Whereabouts(query_id="q", state="unknown", not_searched=("answers",))
    first, cut = pipeline_view.whereabouts_lines(found)
    assert first.startswith("no trace of q")
    assert cut == "only 20,000 entries each were searched of answers: there are more"
