"""Passages that grow by their neighbours."""

from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.chunking import chunk as cut
from services.ingestor.text import Block, Source
from services.retriever.joining import REACH, Around, joined
from shared.messages import Hit


def hit(number: int, text: str, *, section: str = "", **more: int) -> Hit:
    return Hit(
        chunk_id=f"d:{number}",
        document_id="d",
        section=section,
        text=text,
        tokens=10,
        score=1 / (number + 1),
        page=more.get("page"),
    )


def near(*hits: Hit) -> Around:
    return {int(one.chunk_id[2:]): one for one in hits}


CHUNKS = [
    hit(0, "Zero. One.", page=1),
    hit(1, "One. Two.", page=1),
    hit(2, "Two. Three.", page=2),
    hit(3, "Four.", page=2),
]


def test_what_chunks_share_stands_once() -> None:
    """The model would read the overlap of two chunks twice, and quote it twice."""
    (passage,) = joined([CHUNKS[1]], [near(*CHUNKS)], budget=40)
    assert passage.text == "Zero. One. Two. Three. Four."
    assert passage.chunk_id == "d:1"
    assert passage.score == CHUNKS[1].score


def test_pages_stay_with_their_sentences() -> None:
    """A quote from the neighbour would be cited with the hit's page."""
    (passage,) = joined([CHUNKS[1]], [near(*CHUNKS)], budget=40)
    on = [passage.page_at(passage.text.index(word)) for word in ("Zero", "Two", "Three", "Four")]
    assert on == [1, 1, 2, 2]


def test_the_budget_ends_the_growth() -> None:
    """Five grown passages would not fit into a prompt, and the last would be cut off."""
    (passage,) = joined([CHUNKS[1]], [near(*CHUNKS)], budget=20)
    assert passage.text == "One. Two. Three."


def test_another_section_is_no_neighbour() -> None:
    """A passage of the methods would run on into the references."""
    others = near(CHUNKS[0], CHUNKS[1], hit(2, "Two. Cited.", section="References"))
    (passage,) = joined([CHUNKS[1]], [others], budget=100)
    assert passage.text == "Zero. One. Two."


def test_a_hit_that_another_has_grown_over_is_left_out() -> None:
    """The prompt would hold the same chunk twice."""
    both = [CHUNKS[1], CHUNKS[2], hit(9, "Nine.")]
    passages = joined(both, [near(*CHUNKS), near(*CHUNKS), near(both[2])], budget=100)
    assert [one.chunk_id for one in passages] == ["d:1", "d:9"]


def test_a_hit_that_changed_meanwhile_stays_as_it_was_found() -> None:
    """A passage would begin in one version of a document and end in the next."""
    assert joined([CHUNKS[1]], [{}], budget=100) == (CHUNKS[1],)


WORDS = st.lists(st.sampled_from(["ab", "bc", "cd", "de", "ef"]), min_size=1, max_size=8)


@given(st.lists(WORDS, min_size=2, max_size=30), st.data())
def test_chunks_join_to_the_text_they_were_cut_from(
    sentences: list[list[str]], data: st.DataObject
) -> None:
    """A sentence would be lost, or doubled, where two chunks meet."""
    said = [f"S{number} {' '.join(words)}." for number, words in enumerate(sentences)]
    source = Source(title="t", blocks=[Block(text=" ".join(said))])
    chunks = cut(source, lambda texts: [len(one.split()) for one in texts], 20, 9)
    hits = [hit(number, one.text) for number, one in enumerate(chunks)]
    own = data.draw(st.integers(0, len(hits) - 1))
    (passage,) = joined([hits[own]], [near(*hits[max(0, own - REACH) : own + REACH + 1])], 10_000)
    whole = " ".join(said)
    assert passage.text in whole
    assert hits[own].text in passage.text
