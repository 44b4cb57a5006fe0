"""TEI, DOCX, EPUB and LaTeX, and what every format tells of its authors and sources."""

import pytest

from services.ingestor.reading import read
from services.ingestor.reading.detect import detect
from services.ingestor.text import Source
from shared.errors import DamagedDocument, EncryptedDocument, NoText
from tests.packed import docx, epub, packed, paragraph

TEI = """<?xml version="1.0" encoding="UTF-8"?>
<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>Oak and ash</title>
</titleStmt><sourceDesc><biblStruct><analytic><author><persName><forename>Ada</forename>
<surname>Ash</surname></persName></author></analytic><idno type="DOI">10.1234/ABC.5</idno>
</biblStruct></sourceDesc></fileDesc><profileDesc><abstract><div><p>Trees grow.</p></div></abstract>
</profileDesc></teiHeader><text><body>
<div><head n="1">Methods</head><p>We used the model<ref type="bibr" target="#b48">49</ref> here.</p>
<div><head n="1.1">Plots</head><p>Ten plots<note place="foot">Not here.</note>.</p></div></div>
<figure type="table"><head>Table 1</head><figDesc>Heights.</figDesc><table><row><cell>Tree</cell>
<cell>m</cell></row><row><cell>Oak</cell><cell>30</cell></row></table></figure></body>
<back><div type="references"><listBibl><biblStruct><analytic><title>On oaks</title></analytic>
<monogr><date>1999</date></monogr></biblStruct></listBibl></div></back></text></TEI>"""

LATEX = r"""\documentclass{article} % a comment with \section{Hidden}
\title{Oak and \emph{ash}\thanks{Paid by \textbf{nobody}}}
\author{Ada Ash\\University \and Bob \"Oak}
\begin{document}
\maketitle
\begin{abstract}
Trees grow.
\end{abstract}
\section{Methods}
We rarefy species~richness --- ``often'' --- to $10^{-3}$\,m$^2$ as \citet{Hurlbert71}
did\footnote{In a caf\'e.}, 5\% of it.

\subsection*{Plots}
\begin{itemize}
\item First, with \verb|\section{no}|.
\item Second.
\end{itemize}
\begin{table}[ht]\caption{Heights.}
\begin{tabular}{lr}\hline Tree & m \\ \hline Oak & 30 \\ Ash \& elm & 25 \\ \end{tabular}
\end{table}
\begin{verbatim}
x <- 1
y <- 2
\end{verbatim}
\begin{thebibliography}{9}
\bibitem{a} A. Ash (1999). On oaks.
\end{thebibliography}
\end{document}
"""


def told(source: Source) -> list[tuple[str, str, str]]:
    """Kind, section and text of each block."""
    return [(block.kind, block.section, block.text) for block in source.blocks]


def test_tei_gives_what_grobid_found() -> None:
    """Otherwise papers that GROBID has read lose their sections or keep numbers of sources."""
    source = read("paper.tei.xml", TEI.encode())
    assert (source.title, source.authors, source.doi) == (
        "Oak and ash",
        ("Ada Ash",),
        "10.1234/abc.5",
    )
    assert told(source) == [
        ("paragraph", "Abstract", "Trees grow."),
        ("paragraph", "1 Methods", "We used the model here."),
        ("paragraph", "1 Methods > 1.1 Plots", "Ten plots."),
        ("caption", "", "Heights."),
        ("table", "", "Tree | m\nOak | 30"),
        ("reference", "References", "On oaks 1999"),
    ]


def test_latex_gives_words_and_structure() -> None:
    """Otherwise answers quote commands, and comments pass for text."""
    source = read("paper.tex", LATEX.encode())
    assert (source.title, source.authors) == ("Oak and ash", ("Ada Ash", "Bob \u00d6ak"))
    assert told(source) == [
        ("paragraph", "Abstract", "Trees grow."),
        (
            "paragraph",
            "Methods",
            (
                "We rarefy species richness \u2014 \u201coften\u201d \u2014 "
                "to 10\u207b\u00b3 m\u00b2 as [Hurlbert71] did, 5% of it."
            ),
        ),
        ("footnote", "Methods", "In a caf\u00e9."),
        ("paragraph", "Methods > Plots", "First, with \\section{no}."),
        ("paragraph", "Methods > Plots", "Second."),
        ("caption", "Methods > Plots", "Heights."),
        ("table", "Methods > Plots", "Tree | m\nOak | 30\nAsh & elm | 25"),
        ("code", "Methods > Plots", "x <- 1\ny <- 2"),
        ("reference", "References", "A. Ash (1999). On oaks."),
    ]


def test_docx_gives_headings_tables_and_notes() -> None:
    """Otherwise manuscripts written in Word cannot be asked, or answer with deleted text."""
    cells = "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in ("Oak", "30"))
    table = f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    new, old = "<w:r><w:t>New</w:t></w:r>", "<w:r><w:delText>Old</w:delText></w:r>"
    changed = f"<w:p><w:ins>{new}</w:ins><w:del>{old}</w:del></w:p>"
    body = (
        paragraph("Oak and ash", "Titel")
        + paragraph("Methods", "berschrift1")
        + paragraph("The model", raised="49", after=" of 10 m")
        + table
        + changed
        + paragraph("References", "berschrift1")
        + paragraph("A. Ash (1999). On oaks.")
    )
    notes = "<w:footnote><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote>"
    source = read("paper.docx", docx(body, footnotes=notes))
    assert (source.title, source.authors) == ("Oak and ash", ("Ada Ash", "Bob Oak"))
    assert told(source) == [
        ("paragraph", "Methods", "The model of 10 m"),
        ("table", "Methods", "Oak | 30"),
        ("paragraph", "Methods", "New"),
        ("reference", "References", "A. Ash (1999). On oaks."),
        ("footnote", "References", "A note."),
    ]


def test_epub_is_read_in_the_order_of_its_spine() -> None:
    """Otherwise a book's chapters come in the order of their names."""
    chapters = {
        "b.xhtml": "<html><body><h1>Oaks</h1><p>Oaks grow.</p></body></html>",
        "a.xhtml": "<html><body><h1>Ashes</h1><p>Ashes grow.</p></body></html>",
    }
    source = read("trees.epub", epub(chapters))
    assert (source.title, source.authors, source.doi) == (
        "The Book of Trees",
        ("Ada Ash",),
        "10.1234/trees.1",
    )
    assert told(source) == [
        ("paragraph", "Oaks", "Oaks grow."),
        ("paragraph", "Ashes", "Ashes grow."),
    ]
    assert not source.missing


def test_a_book_without_one_of_its_chapters_says_so() -> None:
    """Otherwise answers are missing from a broken book, and nobody knows why."""
    book = epub({"a.xhtml": "<p>Oaks grow.</p>"}, listed=("a.xhtml", "b.xhtml"))
    source = read("trees.epub", book)
    assert [block.text for block in source.blocks] == ["Oaks grow."]
    assert "OEBPS/b.xhtml" in source.missing


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("a.docx", docx("")[:-30], DamagedDocument),
        ("a.docx", docx(""), NoText),
        ("a.docx", packed({"x": "", "word/document.xml": "<w:document"}), DamagedDocument),
        ("a.docx", packed({"x": "", "word/document.xml": b" " * (301 * 2**20)}), DamagedDocument),
        ("a.epub", epub({}, listed=("a.xhtml",)), DamagedDocument),
        ("a.tex", b"\\documentclass{article}\\begin{document}\\end{document}", NoText),
    ],
    ids=["cut", "empty", "xml", "bomb", "no chapter", "no words"],
)
def test_what_cannot_be_read_is_refused(name: str, data: bytes, error: type[Exception]) -> None:
    """Otherwise a broken file ends as an empty document, or eats the machine's memory."""
    with pytest.raises(error):
        read(name, data)


def test_a_locked_part_is_told_from_a_broken_one() -> None:
    """Otherwise a password looks like a damaged file."""
    data = bytearray(packed({"x": "", "word/document.xml": "<a/>"}))
    for at in (data.rindex(b"PK\x01\x02") + 8, data.index(b"PK\x03\x04", 4) + 6):
        data[at] |= 1
    with pytest.raises(EncryptedDocument):
        read("a.docx", bytes(data))


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("upload", docx(""), "docx"),
        ("upload", epub({}), "epub"),
        ("upload", LATEX.encode(), "latex"),
        ("part.tex", b"Only words, to be included elsewhere.", "latex"),
        ("upload.xml", TEI.encode(), "tei"),
    ],
)
def test_formats_are_told_by_their_bytes(name: str, data: bytes, expected: str) -> None:
    """Otherwise a file without an ending is taken for plain text."""
    assert detect(name, data) == expected


def test_html_tells_its_authors_and_doi() -> None:
    """Otherwise an article's page is a document by nobody."""
    head = (
        '<meta name="citation_author" content="Ada Ash"><meta name="citation_author" '
        'content="Bob Oak"><meta name="DC.identifier" content="https://doi.org/10.1234/ABC">'
    )
    source = read("a.html", f"<html><head>{head}</head><body><p>Oaks grow.</p>".encode())
    assert (source.authors, source.doi) == (("Ada Ash", "Bob Oak"), "10.1234/abc")
