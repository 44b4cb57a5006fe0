"""PDFs: what is read out of them, and what is refused."""

import pytest

from services.ingestor.reading import read
from services.ingestor.text import Source
from shared.errors import DamagedDocument, EncryptedDocument, NoText
from tests.pdfs import Text, column, locked, pdf, scan

LEFT = [
    "Species richness increases with sample size, and",
    "differences may be caused by differences in size.",
    "To solve this we rarefy the identi-",
    "\ufb01cation of species to the same number of",
]
RIGHT = [
    "individuals. The right column goes on with words",
    "that fill the whole width of it, line after line,",
    "until the sample is exhausted and no more species",
    "are found by anybody in the whole wide world.",
]
BEASTS = ["ant", "bee", "cow", "dog", "eel", "fox"]


def words(source: Source) -> str:
    """Join all of a document's text."""
    return " ".join(block.text for block in source.blocks)


def interleaved(x: float = 310) -> list[Text]:
    """Set two columns whose lines alternate in the file."""
    left, right = column(LEFT, x=50, top=700), column(RIGHT, x=x, top=700)
    return [line for pair in zip(left, right, strict=True) for line in pair]


def test_two_columns_are_read_one_after_the_other() -> None:
    """Otherwise every sentence of a paper is mixed with one from beside it."""
    text = words(read("paper.pdf", pdf([interleaved()])))
    assert text.index("the same number of individuals.") < text.index("line after line")
    assert text.index("differences in size") < text.index("right column")


def test_full_width_lines_part_the_columns_into_bands() -> None:
    """Otherwise a wide caption in the middle is read before the columns above it."""
    wide = "A line that runs over both columns from the left margin to the right one of the page."
    below = [
        Text(text=line.text.replace("Species", "Animal"), x=line.x, y=line.y - 150)
        for line in interleaved()
    ]
    text = words(
        read("p.pdf", pdf([[*below, Text(text=wide, x=50, y=620, size=11), *interleaved()]]))
    )
    places = [
        text.index(s) for s in ("Species richness", "wide world", "over both", "Animal richness")
    ]
    assert places == sorted(places)


def test_paragraph_goes_on_over_a_column_break() -> None:
    """Otherwise the sentence at a column's end is cut into two halves without sense."""
    first, second = read("paper.pdf", pdf([interleaved()])).blocks
    assert first.text.endswith("the same number of")
    assert second.continues


def test_ligatures_and_hyphens_are_resolved() -> None:
    """Otherwise no search for "identification" finds it."""
    assert "identification of species" in words(read("paper.pdf", pdf([interleaved()])))


def test_a_table_is_read_row_by_row() -> None:
    """Otherwise a table's short cells are taken for columns and numbers lose their names."""
    names = column(["Oak", "Ash", "Elm", "Yew"], x=50, top=700)
    sizes = column(["12.5 m", "11.0 m", "9.7 m", "8.1 m"], x=300, top=700)
    (table,) = read("t.pdf", pdf([[*names, *sizes]])).blocks
    assert table.kind == "table"
    assert table.text.splitlines()[:2] == ["Oak | 12.5 m", "Ash | 11.0 m"]


def test_a_table_across_both_columns_is_read_row_by_row() -> None:
    """Otherwise a wide table is torn into two narrow ones without sense."""
    cells = [
        ("Oak", "12.5", "130", "acorn"),
        ("Ash", "11.0", "95", "key"),
        ("Elm", "9.7", "80", "-"),
    ]
    table = [
        Text(text=cell, x=x, y=780 - 12 * row)
        for row, line in enumerate([("Tree", "Height", "Age", "Fruit"), *cells])
        for cell, x in zip(line, (60, 180, 340, 460), strict=True)
    ]
    blocks = read("t.pdf", pdf([[*table, *interleaved()]])).blocks
    assert blocks[0].text.splitlines()[:2] == [
        "Tree | Height | Age | Fruit",
        "Oak | 12.5 | 130 | acorn",
    ]


def test_lines_of_text_beside_each_other_are_no_table() -> None:
    """Otherwise two columns of text become rows of nonsense."""
    kinds = {block.kind for block in read("p.pdf", pdf([interleaved()])).blocks}
    assert kinds == {"paragraph"}


def test_numbers_of_sources_are_left_out() -> None:
    """Otherwise nobody who searches for "model" finds "model49"."""
    line = [
        Text(text="We trained the same model", x=50, y=700),
        Text(text="49", x=170.5, y=704, size=6),
        Text(text=" on plots of 10 m", x=178, y=700),
        Text(text="2", x=252.1, y=704, size=6),
        Text(text=" each, over and over.", x=256, y=700),
    ]
    text = words(read("p.pdf", pdf([line])))
    assert "the same model on plots of 10 m² each" in text


def test_line_numbers_are_left_out() -> None:
    """Otherwise a manuscript under review has a number within every sentence."""
    lines = column([*LEFT, *RIGHT] * 2, x=80, top=700)
    numbers = [Text(text=str(n + 1), x=50, y=line.y, size=7) for n, line in enumerate(lines)]
    text = words(
        read("p.pdf", pdf([[part for both in zip(lines, numbers, strict=True) for part in both]]))
    )
    assert not any(letter.isdigit() for letter in text)


def test_running_heads_and_page_numbers_are_removed() -> None:
    """Otherwise every page's chunk begins with the journal's name."""
    pages = []
    for number in range(4):
        head = Text(text=f"Journal of Trees {number + 1}", x=50, y=800)
        foot = Text(text=str(number + 1), x=290, y=30)
        body = column([f"The {word} tree of {BEASTS[number]}." for word in BEASTS], x=50, top=600)
        pages.append([head, *body, foot])
    text = words(read("paper.pdf", pdf(pages)))
    assert "Journal" not in text
    assert not any(letter.isdigit() for letter in text)


def test_headings_become_sections() -> None:
    """Otherwise an answer cannot say in which part of the paper its evidence stands."""
    lines = [
        Text(text="2 Methods", x=50, y=700, size=14, bold=True),
        *column([*LEFT, "", *RIGHT], x=50, top=670),
        Text(text="2.1 Data", x=50, y=500, size=12, bold=True),
        *column(RIGHT, x=50, top=470),
    ]
    blocks = read("paper.pdf", pdf([lines])).blocks
    assert [block.section for block in blocks] == ["2 Methods", "2 Methods", "2 Methods > 2.1 Data"]


def test_a_numbered_list_is_no_heading() -> None:
    """Otherwise the first line of every list item is lost to the section's name."""
    lines = column(
        [*LEFT, "", "1. An integer gives the number", "of processes.", ""], x=50, top=700
    )
    assert "1. An integer gives the number of processes." in words(read("p.pdf", pdf([lines])))


def test_pages_are_numbered_from_one() -> None:
    """Otherwise every citation points one page too far or too short."""
    pages = [column([f"On this page {name} is told."], x=50, top=600) for name in ("Ada", "Bob")]
    source = read("paper.pdf", pdf(pages))
    assert [(block.page, "Ada" in block.text) for block in source.blocks] == [(1, True), (2, False)]
    assert source.pages == 2


@pytest.mark.parametrize(
    ("told", "title"),
    [
        ("Rarefaction Revisited", "Rarefaction Revisited"),
        ("Microsoft Word - final3.doc", "A study of trees"),
        ("", "A study of trees"),
    ],
)
def test_title_is_what_a_person_would_say(told: str, title: str) -> None:
    """Otherwise citations name a template's file or nothing at all."""
    page = [Text(text="A study of trees", x=150, y=780, size=18), *interleaved()]
    source = read("x.pdf", pdf([page], title=told))
    assert source.title == title
    assert "A study of trees" not in words(source)


def test_title_is_the_file_name_when_nothing_stands_out() -> None:
    """Otherwise a citation would have an empty title."""
    assert read("oaks-1998.pdf", pdf([interleaved()])).title == "oaks-1998"


def test_turned_text_at_the_margin_is_left_out() -> None:
    """Otherwise a preprint server's stamp is cut into the sentences beside it."""
    stamp = Text(text="arXiv:1234.5678 stamp", x=20, y=300, turned=True)
    assert "stamp" not in words(read("p.pdf", pdf([[stamp, *interleaved()]])))


def test_a_turned_page_is_read_upright() -> None:
    """Otherwise tables printed across a page are lost as if they were stamps."""
    lines = [Text(text=line, x=100 + 12 * i, y=100, turned=True) for i, line in enumerate(RIGHT)]
    assert "the whole width of it, line after line, until" in words(read("p.pdf", pdf([lines])))


def test_numbers_stay_where_they_are_output_and_go_where_they_are_an_axis() -> None:
    """Otherwise a program's results are lost, or plots scatter numbers between sentences."""
    output = [Text(text="[1] 1.478519", x=50, y=560, size=8)]
    axis = [Text(text="0 10 20 30", x=150, y=400, size=8)]
    text = words(read("p.pdf", pdf([[*column(LEFT, x=50, top=700), *output, *axis]])))
    assert "1.478519" in text
    assert "0 10" not in text


def test_a_scan_is_refused_with_advice() -> None:
    """Otherwise a scan ends as a document without any chunk, and nobody knows why."""
    with pytest.raises(NoText, match=r"3 pages.*OCR"):
        read("scan.pdf", scan(3))


def test_a_locked_pdf_is_refused_with_advice() -> None:
    """Otherwise a password looks like a damaged file."""
    with pytest.raises(EncryptedDocument, match="password"):
        read("locked.pdf", locked())


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_pdf_is_refused(share: float) -> None:
    """Otherwise PDFium repairs the half of a paper and the rest is silently missing."""
    whole = pdf([interleaved()] * 5)
    with pytest.raises(DamagedDocument):
        read("cut.pdf", whole[: int(share * len(whole))])


@pytest.mark.parametrize("number", [7, 8], ids=["page", "contents"])
def test_a_pdf_with_one_broken_page_is_read_and_says_which(number: int) -> None:
    """Otherwise 299 good pages are refused for one, or one page is silently missing."""
    pages = [
        [f"Oak {page}.{row} grows on a hill of its own." for row in range(20)] for page in "abc"
    ]
    whole = pdf([column(lines, x=50, top=780) for lines in pages])
    source = read("p.pdf", whole.replace(b"%d 0 obj\n<<" % number, b"%d 0 obj\n((" % number))
    assert source.pages == 3
    assert {block.page for block in source.blocks} == {1, 3}
    assert source.missing.startswith("pages ")
    assert source.missing.endswith(": 2")


def test_a_pdf_without_one_page_that_opens_is_refused() -> None:
    """Otherwise a broken paper passes for an empty one."""
    broken = pdf([interleaved()]).replace(b"5 0 obj\n<<", b"5 0 obj\n((")
    with pytest.raises(DamagedDocument, match="none of its 1 pages"):
        read("p.pdf", broken)


def test_broken_structure_is_refused() -> None:
    """Otherwise PDFium's own exception leaves the reader and is tried again for ever."""
    with pytest.raises(DamagedDocument, match="structure"):
        read("bad.pdf", b"%PDF-1.4\nnothing here\nstartxref\n0\n%%EOF\n")


def test_only_page_numbers_are_no_text() -> None:
    """Otherwise a scan with stamped page numbers passes for a text."""
    with pytest.raises(NoText, match="page numbers"):
        read("p.pdf", pdf([[Text(text=str(n), x=290, y=30)] for n in range(1, 5)]))
