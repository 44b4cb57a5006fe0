"""The other formats, how a format is told, and that no foreign exception gets out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.reading import read
from services.ingestor.reading.detect import detect
from shared.errors import (
    DamagedDocument,
    EmptyDocument,
    NoText,
    UnreadableDocument,
    UnsupportedType,
)
from tests.pdfs import Text, pdf

JATS = """<?xml version="1.0"?>
<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving DTD v1.2//EN" "JATS.dtd">
<article><front><article-meta><title-group><article-title>Oak <italic>and</italic> ash
</article-title></title-group><abstract><p>Trees grow.</p></abstract></article-meta></front>
<body><sec><label>2</label><title>Methods</title><p>We looked<xref>1</xref> around.</p>
<sec><title>Sampling</title><p>Ten plots. <list><list-item><p>Oak plots</p></list-item></list></p>
<table-wrap><label>Table 1</label><caption><p>Heights.</p></caption><table><thead><tr><th>Tree</th>
<th>m</th></tr></thead><tbody><tr><td>Oak</td><td>30</td></tr></tbody></table></table-wrap>
</sec></sec>
<sec><title>Results</title><p>They grew.</p></sec></body>
<back><ref-list><ref><mixed-citation>Hidden A (1999)</mixed-citation></ref></ref-list></back>
</article>"""

HTML = """<!DOCTYPE html><html><head><title>Site - Trees</title><style>p{}</style></head><body>
<nav><a href="/">Home</a><a href="/x">Menu entry</a></nav><main><h1>Trees</h1>
<p>Oaks are <b>tall</b>,<br>ashes too.</p><h2>Where<a>¶</a></h2><div>In <a href="#">woods</a>.
<p>And parks.</p></div><table><tr><th>Tree</th><th>m</th></tr>
<tr><td>Oak</td><td>30</td></tr></table>
<pre>x = 1
y = 2</pre><ul><li>First</li><li>Second</li></ul><script>alert("no")</script></main>
<footer>Imprint</footer></body></html>"""

MARKDOWN = """---
title: "From front matter"
---
# Trees

Oaks are *tall* and [linked](http://example.org/hidden),
ashes too.

## Where

```r
x <- 1
y <- 2
```

| Tree | m |
|---|---|
| Oak | 30 |
"""


def test_jats_gives_sections_tables_and_references() -> None:
    """Otherwise the list of literature passes for text, and tables answer nothing."""
    source = read("a.xml", JATS.encode())
    assert source.title == "Oak and ash"
    assert [(block.section, block.kind, block.text) for block in source.blocks] == [
        ("Abstract", "paragraph", "Trees grow."),
        ("2 Methods", "paragraph", "We looked around."),
        ("2 Methods > Sampling", "paragraph", "Ten plots."),
        ("2 Methods > Sampling", "paragraph", "Oak plots"),
        ("2 Methods > Sampling", "caption", "Table 1 Heights."),
        ("2 Methods > Sampling", "table", "Tree | m\nOak | 30"),
        ("Results", "paragraph", "They grew."),
        ("References", "reference", "Hidden A (1999)"),
    ]


def test_raised_numbers_are_no_part_of_a_word() -> None:
    """Otherwise a search for "model" finds neither "model49" nor what it says."""
    page = "<main><p>The model<sup>49</sup> of 10<sup>-3</sup> m<sup>2</sup>.</p></main>"
    article = page.replace("main>", "body>").replace("49", '<xref ref-type="bibr">49</xref>')
    for name, data in (("a.html", page), ("a.xml", f"<article>{article}</article>")):
        (block,) = read(name, data.encode()).blocks
        assert block.text == "The model of 10\u207b\u00b3 m\u00b2."


def test_html_gives_the_main_text() -> None:
    """Otherwise menus and scripts are indexed beside the text."""
    source = read("a.html", HTML.encode())
    assert source.title == "Trees"
    assert [(block.section, block.kind, block.text) for block in source.blocks] == [
        ("", "paragraph", "Oaks are tall, ashes too."),
        ("Where", "paragraph", "In woods."),
        ("Where", "paragraph", "And parks."),
        ("Where", "table", "Tree | m\nOak | 30"),
        ("Where", "code", "x = 1\ny = 2"),
        ("Where", "paragraph", "First"),
        ("Where", "paragraph", "Second"),
    ]


def test_html_without_marked_main_part_keeps_its_text() -> None:
    """Otherwise a page of the old kind, or a short one, comes out empty."""
    page = "<html><body><div><a href='/'>Home</a></div><p>Oaks grow slowly.</p></body></html>"
    assert "Oaks grow slowly." in [block.text for block in read("a.html", page.encode()).blocks]


def test_markdown_keeps_words_and_structure() -> None:
    """Otherwise links' addresses and table rules stand between the words."""
    source = read("a.md", MARKDOWN.encode())
    assert source.title == "From front matter"
    assert [(block.section, block.kind, block.text) for block in source.blocks] == [
        ("Trees", "paragraph", "Oaks are tall and linked, ashes too."),
        ("Trees > Where", "code", "x <- 1\ny <- 2"),
        ("Trees > Where", "table", "Tree | m\nOak | 30"),
    ]


def test_text_is_cut_at_empty_lines() -> None:
    """Otherwise a whole book is one paragraph, or each of its lines is one."""
    data = b"METHODS\n\nWe went to the for-\nest and looked.\n\nThen we\nleft."
    assert [(block.section, block.text) for block in read("a.txt", data).blocks] == [
        ("METHODS", "We went to the forest and looked."),
        ("METHODS", "Then we left."),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("ending", ["txt", "md", "html"])
def test_encodings(encoding: str, ending: str) -> None:
    """Otherwise names with accents cannot be found."""
    text = "<p>Sólymos and Müller went to the café, où il était déjà très tard.</p>"
    if ending != "html":
        text = text.removeprefix("<p>").removesuffix("</p>")
    blocks = read(f"a.{ending}", text.encode(encoding)).blocks
    assert [block.text for block in blocks] == [text.removeprefix("<p>").removesuffix("</p>")]


def test_declared_encoding_is_believed() -> None:
    """Otherwise pages in Cyrillic or Greek encodings are read as noise."""
    page = '<html><head><meta charset="koi8-r"></head><body><p>Дубы растут</p></body></html>'
    assert [b.text for b in read("a.html", page.encode("koi8-r")).blocks] == ["Дубы растут"]
    article = (
        '<?xml version="1.0" encoding="iso-8859-1"?><article><body><p>déjà</p></body></article>'
    )
    assert [b.text for b in read("a.xml", article.encode("latin-1")).blocks] == ["déjà"]


def test_xml_entities_from_outside_are_not_read() -> None:
    """Otherwise a document can send a file of the worker's machine into the index."""
    attack = (
        '<!DOCTYPE article [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        "<article><body><p>Before &x; after</p></body></article>"
    )
    assert [b.text for b in read("a.xml", attack.encode()).blocks] == ["Before after"]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("wrong.txt", pdf([[Text(text="Hi there", x=50, y=700)]]), "pdf"),
        ("page.pdf", b"<!doctype html><p>Please log in</p>", "html"),
        ("a.txt", b"<?xml version='1.0'?><article/>", "jats"),
        ("a.xhtml", b"<?xml version='1.0'?><html xmlns='x'><p>Hi</p></html>", "html"),
        ("README.md", b"# Hi", "markdown"),
        ("notes", b"MZ is where it begins", "text"),
    ],
)
def test_content_wins_over_the_name(name: str, data: bytes, expected: str) -> None:
    """Otherwise a wrong extension makes a good document unreadable."""
    assert detect(name, data) == expected


@pytest.mark.parametrize(
    ("name", "data", "error", "says"),
    [
        ("a.pdf", b"", EmptyDocument, "0 bytes"),
        ("a.docx", b"PK\x03\x04....word/document.xml", DamagedDocument, "cut short"),
        ("a.xlsx", b"PK\x03\x04....xl/workbook.xml", UnsupportedType, "Excel workbook"),
        ("a.zip", b"PK\x03\x04....", UnsupportedType, "zip archive.*JATS"),
        ("a.pdf", b"\x89PNG\r\n\x1a\n", UnsupportedType, "PNG"),
        ("a.exe", b"MZ\x90\x00\x03", UnsupportedType, "Windows program"),
        ("a.bin", b"\x01\x00\x02", UnsupportedType, "unknown kind"),
        ("a.svg", b"<?xml version='1.0'?><svg/>", UnsupportedType, "root <svg>"),
        ("a.pdf", b"\x00\x01\x02", DamagedDocument, "beginning"),
        ("a", b"x\n1 0 obj\n<<>>\nendobj\n" * 9, DamagedDocument, "beginning"),
        ("a.txt", bytes(range(1, 256)) * 9, UnsupportedType, "unknown kind"),
        ("a.docx", b"PK\x03\x04....", DamagedDocument, "Word document.*cut short"),
        ("a.epub", b"\x00\x01\x02", DamagedDocument, "EPUB book"),
        ("a.docx", b"hello", DamagedDocument, "something else"),
        ("a.pdf", b"hello", DamagedDocument, "named as a PDF"),
        ("a.xml", b"<article><body><p>cut", DamagedDocument, "broken"),
        ("a.xml", b"<article><body><p> </p></body></article>", NoText, "neither"),
        ("a.txt", b" \n...\n", NoText, "no words"),
        ("a.md", b"<!-- note -->\n", NoText, "no words"),
        ("a.html", b"<html><nav>Menu</nav></html>", NoText, "menus"),
    ],
)
def test_unreadable_documents_say_why(
    name: str, data: bytes, error: type[UnreadableDocument], says: str
) -> None:
    """Otherwise a researcher with 300 papers cannot tell which file to mend, and how."""
    with pytest.raises(error, match=says) as caught:
        read(name, data)
    assert name in str(caught.value)


@given(
    st.sampled_from(["a.pdf", "a.html", "a.md", "a.xml", "a.txt", "a"]),
    st.sampled_from([b"", b"%PDF-1.4\n", b"<html><body>", b"<article>", b"\xff\xfe", b"# "]),
    st.binary(max_size=200) | st.text(max_size=100).map(str.encode),
)
def test_no_foreign_exception_gets_out(name: str, head: bytes, rest: bytes) -> None:
    """Otherwise bytes that break a parser are tried again until their last attempt."""
    try:
        source = read(name, head + rest)
    except UnreadableDocument:
        return
    assert source.title
    assert source.blocks
    assert all(block.text for block in source.blocks)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", b"<html><body><main><p>Oaks grow and"),
        ("a.tex", b"\\begin{document}\nOaks grow and"),
        (
            "a.txt",
            "Bäume, Büsche, Gräser, Kräuter und Öl gedeihen überall.".encode().replace(
                b"\xa4", b"x", 1
            ),
        ),
    ],
    ids=["page without end", "source without end", "broken letter"],
)
def test_a_document_of_which_something_is_missing_says_so(name: str, data: bytes) -> None:
    """Otherwise half a page passes for the whole, and one flipped bit spoils every umlaut."""
    source = read(name, data)
    assert source.missing
    assert "Oaks grow" in source.blocks[0].text or "Büsche, Gräser" in source.blocks[0].text


def test_a_whole_document_says_that_nothing_is_missing() -> None:
    """A warning beside every document is read by nobody."""
    latin = "Bäume, Büsche, Gräser, Kräuter und Öl gedeihen überall."
    whole = {"a.html": HTML, "a.md": MARKDOWN, "a.xml": JATS, "a.txt": latin}
    for name, text in whole.items():
        assert not read(name, text.encode()).missing, name
    assert not read("a.txt", latin.encode("latin-1")).missing
