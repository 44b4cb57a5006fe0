"""What `ragstream index show` says."""

from services.cli.index_life import GenerationView, lines


def test_a_generation_is_told_with_its_state_and_its_hindrance() -> None:
    """An operator would not see that questions fail, nor what to do."""
    view = GenerationView(
        number=2,
        state="filling",
        model="bge\x1b[2J",
        dim=384,
        schema=1,
        chunks=40,
        waiting=3,
        hindrance="run `ragstream index rebuild`",
    )
    first, second = lines(view)
    assert "40 chunks, 384 dimensions, schema 1, generation 2, 3 documents wait" in first
    assert "\x1b" not in first
    assert second.strip() == "run `ragstream index rebuild`"


def test_a_model_of_before_is_told_as_unknown() -> None:
    """A line would have a hole where the model's name belongs."""
    view = GenerationView(number=0, state="searched", model="", dim=0, schema=0, chunks=7)
    assert lines(view) == [
        "searched  (unknown model)  (7 chunks, 0 dimensions, schema 0, generation 0)"
    ]
