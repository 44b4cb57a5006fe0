"""Which passages are handed on."""

from services.retriever.selection import choose
from shared.messages import Hit

PROSE = "the species richness of plots was rarefied to the same number of individuals in each site"


def hits(*owners_and_texts: tuple[str, str]) -> list[Hit]:
    return [
        Hit(chunk_id=f"{owner}:{at}", document_id=owner, text=text, score=1 / (at + 1))
        for at, (owner, text) in enumerate(owners_and_texts)
    ]


def ids(chosen: tuple[Hit, ...]) -> list[str]:
    return [hit.chunk_id for hit in chosen]


def test_the_same_text_twice_is_handed_on_once() -> None:
    """Two versions of a paper would fill the prompt with the same words."""
    found = hits(("a", PROSE), ("b", f"{PROSE.upper()}."), ("c", "another text"))
    assert ids(choose(found, top_k=3, per_document=3)) == ["a:0", "c:2"]


def test_chunks_that_overlap_are_no_duplicates() -> None:
    """A document's next chunk repeats the end of the one before: it would be lost."""
    words = PROSE.split()
    after = " ".join([*words[8:], "whose", "soil", "had", "been", "ploughed", "before", "sowing"])
    assert len(choose(hits(("a", PROSE), ("a", after)), top_k=2, per_document=2)) == 2


def test_one_document_leaves_room_for_others() -> None:
    """A question over a whole collection would be answered from one long document."""
    found = hits(("a", "one"), ("a", "two"), ("a", "three"), ("b", "four"), ("a", "five"))
    assert ids(choose(found, top_k=3, per_document=2)) == ["a:0", "a:1", "b:3"]


def test_what_is_left_over_fills_up_in_its_place() -> None:
    """A small collection would be answered from fewer passages than were asked for."""
    found = hits(("a", "one"), ("a", "two"), ("b", "three"))
    assert ids(choose(found, top_k=3, per_document=1)) == ["a:0", "a:1", "b:2"]
