"""What a look at the streams shows, computed from two of them."""

import pytest

from shared.stages import PipelineView, StageView, place_of, places, with_rates
from shared.streams import Entry, Namespace

NAMES = Namespace("{rag}")


def view(at_ms: int, added: int, read: int | None) -> PipelineView:
    stage = StageView(name="queries", stream="s", added=added, read=read)
    return PipelineView(namespace="rag", at_ms=at_ms, stages=(stage,))


@pytest.mark.parametrize(
    ("before", "after", "rates"),
    [
        ((0, 10, 5), (500, 20, 6), (20.0, 2.0)),
        ((0, 10, None), (500, 10, 5), (0.0, None)),  # a group that nobody had read with
        ((0, 10, 5), (500, 1, 1), (None, None)),  # a stream that was deleted and made anew
        ((500, 10, 5), (500, 20, 6), (None, None)),  # two looks within one millisecond
    ],
)
def test_rates_are_per_second_and_never_invented(
    before: tuple[int, int, int | None],
    after: tuple[int, int, int | None],
    rates: tuple[float | None, float | None],
) -> None:
    """A restart of Redis would show as minus a million a second."""
    [stage] = with_rates(view(*before), view(*after)).stages
    assert (stage.added_per_s, stage.read_per_s) == rates


def test_every_stream_of_the_namespace_is_a_place_of_its_own() -> None:
    """A lane would be shown twice, or redriven into another."""
    streams = [place.stream for place in places(NAMES)]
    assert len(set(streams)) == len(streams) == 11
    assert all(place_of(NAMES, stream) is not None for stream in streams)
    assert place_of(NAMES, "rag:queries") is None


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"\x80", b'{"type":"dead"}'])
def test_bytes_that_are_no_message_are_about_nobody(data: bytes) -> None:
    """One bad entry would hide all the others."""
    for place in places(NAMES):
        if not place.is_entrance:
            assert place.about(Entry(place.stream, "1-0", {b"__data__": data})) is None
