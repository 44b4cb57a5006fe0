"""Text made to be slow: what takes time with its square would take hours for 100 MB.

Each text has 150,000 characters. Read in time with their number that takes a second or two of the
processor's time; in time with their square, half a minute and more.
"""

import time

import pytest

from services.ingestor import chunking
from services.ingestor.cleaning import hyphenation
from services.ingestor.cleaning.characters import plain
from services.ingestor.cleaning.lines import Line
from services.ingestor.cleaning.running import without_running
from services.ingestor.reading import read
from services.ingestor.text import Block, Source
from shared.sentences import split

N = 150_000
LONGEST_S = 10.0  # of the processor, whoever else wants it
SHAPES = {
    "one endless word": "x",
    "stops": ".",
    "stops and quotes": '!"',
    "letters and stops": "a.",
    "brackets": "(",
    "digits": "1",
    "hyphens at line ends": "ab-\n",
    "an endless word over lines": "abcdefgh-\n",
    "lines of one letter": "a\n",
    "spaces and lines": " \n",
    "accents": "\u0301\u0316",
    "dotted leaders": ". . ",
    "titles": "title: ",
    "form feeds": "a\f",
}


LATEX_SHAPES = {
    "commands": "\\a",
    "open braces": "\\emph{",
    "beginnings": "\\begin{table}",
    "verbatim without end": "\\begin{verbatim}",
    "options without end": "\\section[",
    "verbs without end": "\\verb|a",
    "superscripts": "^{1",
    "accents": "\\'",
    "titles": "\\title{",
    "spaces behind a section": "\\section ",
    "dollars": "$",
    "comments": "%a\n",
}


@pytest.mark.parametrize("shape", LATEX_SHAPES.values(), ids=LATEX_SHAPES)
def test_hostile_latex_is_read_in_time_with_its_length(shape: str) -> None:
    """An argument that never closes would be looked through again from each of its beginnings."""
    begun = time.process_time()
    body = f"\\begin{{document}}An oak. {shape * (N // len(shape))}"
    assert read("x.tex", body.encode()).blocks
    assert time.process_time() - begun < LONGEST_S


@pytest.mark.parametrize("name", ["x.txt", "x.md", "x.html", "x.tex"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_hostile_text_is_read_in_time_with_its_length(name: str, shape: str) -> None:
    """One megabyte would keep a reading process busy until its time is over."""
    begun = time.process_time()
    source = read(name, f"An oak. {shape * (N // len(shape))}".encode())
    units = chunking.units(source)
    chunks = chunking.assemble(units, [0] * len(units))
    assert time.process_time() - begun < LONGEST_S
    assert max(len(chunk.text) for chunk in chunks) < 10_000


def test_front_matter_of_spaces_is_read_in_time() -> None:
    """Three expressions that share the same spaces try every way to part them."""
    begun = time.process_time()
    assert read("x.md", f"---\ntitle:{' ' * N}x y\n---\nOaks.".encode()).title == "x y"
    assert time.process_time() - begun < LONGEST_S


def test_digits_behind_a_pdfs_end_are_looked_through_once() -> None:
    """The search for objects behind the end mark would begin anew at every digit."""
    begun = time.process_time()
    with pytest.raises(Exception, match="cannot be opened"):
        read("x.pdf", b"%PDF-1.4\n%%EOF" + b"1" * N)
    assert time.process_time() - begun < LONGEST_S


def test_a_blank_line_of_a_pdf_is_no_page_number_for_long() -> None:
    """A line of blanks can be parted before and after a page number in as many ways."""
    line = Line(text=f"!{' ' * N}!", page=1, left=0, right=1, base=1, size=1)
    begun = time.process_time()
    assert without_running([[line, Line(text="a", page=1, left=0, right=1, base=9, size=1)]])
    assert time.process_time() - begun < LONGEST_S


def test_a_paragraph_over_many_pages_is_cut_in_time() -> None:
    """Every sentence would look for its page from the first one on."""
    first, *rest = [
        Block(text="An oak.", page=1),
        *(Block(text="An oak.", continues=True),) * 30_000,
    ]
    begun = time.process_time()
    assert len(chunking.units(Source(title="t", blocks=[first, *rest]))) == 30_001
    assert time.process_time() - begun < LONGEST_S


def test_an_endless_word_gives_chunks_that_a_prompt_can_hold() -> None:
    """A tokenizer calls a word of a megabyte one token: no generator could read that chunk."""
    units = chunking.units(Source(title="t", blocks=[Block(text="x" * N)]))
    chunks = chunking.assemble(units, [1] * len(units))
    assert "".join(chunk.text for chunk in chunks).count("x") >= N
    assert max(len(chunk.text) for chunk in chunks) <= 200 * 16


def test_a_long_title_is_not_repeated_in_every_chunk() -> None:
    """A title of a megabyte over a thousand paragraphs would make a gigabyte of them."""
    title = "oak " * 50_000
    body = f"<sec><title>{title}</title>{'<p>An oak.</p>' * 3}</sec>"
    source = read("x.xml", f"<article><body>{body}</body></article>".encode())
    assert {len(block.section) for block in source.blocks} == {1_000}
    assert len(read("x.html", f"<html><h1>{title}</h1><p>Oaks.</html>".encode()).title) == 1_000


def test_joining_many_lines_is_joining_two_by_two() -> None:
    """The quick way would mend words differently."""
    lines = [
        "identifica-",
        "tion of long-",
        "term x-",
        "ray COVID-",
        "19",
        "1990\u2013",
        "95 or-",
    ] * 40
    known = hyphenation.vocabulary(["long-term identification", "a", "b"])
    slow = ""
    for line in lines:
        slow = hyphenation.join(slow, line, known)
    assert hyphenation.joined(lines, known) == slow


def test_stops_in_a_row_end_one_sentence() -> None:
    """The quick way would cut sentences elsewhere."""
    assert split('Well... Yes?! "No." (Oh!) Mr. X. is 3.5 m tall.. Ah') == [
        "Well...",
        "Yes?!",
        '"No."',
        "(Oh!)",
        "Mr. X. is 3.5 m tall..",
        "Ah",
    ]


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "utf-7", "idna", "zip"])
def test_a_page_cannot_choose_a_codec_that_is_none(charset: str) -> None:
    """Python's own codecs are slow, unpack archives, or give halves of surrogate pairs."""
    page = f"<html><meta charset={charset}><p>Oak \\ud800 +AGEAYg-</html>".encode()
    assert read("x.html", page).blocks[0].text == "Oak \\ud800 +AGEAYg-"


def test_halves_of_surrogate_pairs_are_left_out() -> None:
    """A PDF's letter that no message can carry would fail the whole document."""
    assert plain("x\ud835\udc65y\ud800z") == "x\U0001d465yz"
