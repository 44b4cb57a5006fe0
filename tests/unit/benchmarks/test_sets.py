"""Public sets, as the benchmark reads them."""

from benchmarks.finding.sets import distinct

PROSE = "the species richness of plots was rarefied to the same number of individuals in each site"


def test_the_same_passage_twice_is_one() -> None:
    """A search that drops what is there twice would lose by the one that was judged."""
    passages, places = distinct([PROSE, "another text", f"{PROSE} again", "a third one"])
    assert passages == (PROSE, "another text", "a third one")
    assert places == [0, 1, 0, 2]
