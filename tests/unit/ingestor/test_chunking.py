"""Chunks: nothing lost, nothing invented, nothing too long."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.chunking import assemble, chunk, units
from services.ingestor.text import Block, Source, Unit


def count_words(texts: Sequence[str]) -> list[int]:
    """Count a token a word."""
    return [len(text.split()) for text in texts]


def source(*blocks: Block) -> Source:
    """Make a document."""
    return Source(title="T", blocks=list(blocks))


@st.composite
def counted(draw: st.DrawFn) -> tuple[list[Unit], list[int]]:
    """Draw units whose words are all different, with their counts."""
    shapes = draw(st.lists(st.tuples(st.integers(1, 60), st.sampled_from("AB"), st.booleans())))
    found, next_word = [], 0
    for length, section, opens in shapes:
        text = " ".join(f"w{number:04}" for number in range(next_word, next_word + length))
        next_word += length
        found.append(Unit(text=text, page=1 + next_word // 50, section=section, opens=opens))
    return found, [len(unit.text.split()) for unit in found]


@given(counted(), st.integers(5, 40), st.integers(0, 4))
def test_chunks_hold_every_unit_once_in_order_within_the_limit(
    drawn: tuple[list[Unit], list[int]], limit: int, overlap: int
) -> None:
    """Otherwise text is lost, told twice, or cut off by the embedding model."""
    found, counts = drawn
    chunks = assemble(found, counts, limit, overlap)
    seen: list[str] = []
    for part in chunks:
        words = part.text.split()
        assert part.tokens <= limit
        again = sum(word in set(seen) for word in words)
        assert words[:again] == (seen[-again:] if again else [])
        assert again <= overlap
        assert len(words) > again
        seen += words[again:]
    assert seen == [word for unit in found for word in unit.text.split()]


@given(counted(), st.integers(5, 40))
def test_a_chunk_lies_in_one_section(drawn: tuple[list[Unit], list[int]], limit: int) -> None:
    """Otherwise a citation names a section that the quote is not in."""
    found, counts = drawn
    home = {word: unit.section for unit in found for word in unit.text.split()}
    for part in assemble(found, counts, limit, 0):
        assert {home[word] for word in part.text.split()} == {part.section}


@given(st.integers(1, 500), st.integers(1, 2000), st.integers(2, 50))
def test_a_word_without_end_is_cut(length: int, count: int, limit: int) -> None:
    """Otherwise a string of base64 makes a chunk that no model takes."""
    unit = Unit(text="x" * length, page=None, section="", opens=True)
    chunks = assemble([unit], [min(count, length)], limit, 0)
    assert "".join(part.text for part in chunks) == unit.text
    assert all(part.tokens <= limit for part in chunks)


def test_overlap_is_whole_trailing_sentences() -> None:
    """Otherwise a chunk begins in the middle of a sentence."""
    text = "One two three. Four five. Six seven eight. Nine ten."
    chunks = chunk(source(Block(text=text)), count_words, max_tokens=8, overlap_tokens=4)
    assert [part.text for part in chunks] == [
        "One two three. Four five. Six seven eight.",
        "Six seven eight. Nine ten.",
    ]


def test_page_is_that_of_the_first_sentence() -> None:
    """Otherwise a citation sends the reader to the wrong page."""
    blocks = (
        Block(text="On one. It goes", page=1),
        Block(text="on here. Last.", page=2, continues=True),
    )
    found = units(source(*blocks))
    assert [(unit.text, unit.page) for unit in found] == [
        ("On one.", 1),
        ("It goes on here.", 1),
        ("Last.", 2),
    ]
    (whole,) = assemble(found, [1, 1, 1])
    assert (whole.page, [page for _, page in whole.page_runs]) == (1, [2])
    assert whole.text == "On one. It goes on here. Last."


def test_tables_and_code_keep_their_lines() -> None:
    """Otherwise a row's numbers run into the next row's name."""
    table = Block(text="Oak | 30\nAsh | 20", kind="table")
    (part,) = chunk(source(Block(text="See below."), table), count_words)
    assert part.text == "See below.\nOak | 30\nAsh | 20"


def test_entries_of_literature_are_told_from_text() -> None:
    """Otherwise the titles of cited papers are taken for evidence."""
    blocks = (Block(text="We rarefied."), Block(text="Hill M (1973).", kind="reference"))
    assert [unit.part for unit in units(source(*blocks))] == ["text", "reference"]


def test_a_long_table_repeats_its_header() -> None:
    """Otherwise the numbers of a table's second half have no names."""
    rows = "\n".join(f"Oak {number} | {number}" for number in range(1, 9))
    found = chunk(source(Block(text=f"Tree | m\n{rows}", kind="table")), count_words, 12, 4)
    assert len(found) > 2
    assert all(part.text.startswith("Tree | m\nOak") for part in found)
    assert sum(part.text.count("Oak 3 |") for part in found) == 1


def test_tokens_are_counted_in_one_call() -> None:
    """Otherwise a paper costs hundreds of round trips to Triton."""
    calls = []

    def counting(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return count_words(texts)

    chunk(source(*(Block(text="One two. Three four.", section=str(n)) for n in range(5))), counting)
    assert calls == [10]


def test_overlap_must_be_smaller_than_a_chunk() -> None:
    """Otherwise a setting makes chunks that never end."""
    with pytest.raises(ValueError, match="overlap"):
        assemble([], [], max_tokens=10, overlap_tokens=10)
