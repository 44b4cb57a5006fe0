"""DOCX and EPUB files made by hand, with no more in them than a reader needs."""

import zipfile
from collections.abc import Mapping
from io import BytesIO

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """Write a zip archive; the first part is stored, as EPUB wants it, the others are deflated."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for number, (name, content) in enumerate(parts.items()):
            # a fixed time: the same parts give the same bytes
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED if number else zipfile.ZIP_STORED
            file.writestr(info, content)
    return out.getvalue()


def docx(body: str, *, footnotes: str = "") -> bytes:
    """Write a Word document around the elements of its body; `w:` is their prefix."""
    styles = "".join(
        f'<w:style w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in {"Titel": "Title", "berschrift1": "heading 1"}.items()
    )
    core = (
        '<cp:coreProperties xmlns:cp="c" xmlns:dc="d"><dc:creator>Ada Ash; Bob Oak</dc:creator>'
        "</cp:coreProperties>"
    )
    return packed(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {_W}>{styles}</w:styles>",
            "word/footnotes.xml": f"<w:footnotes {_W}>{footnotes}</w:footnotes>",
            "docProps/core.xml": core,
        }
    )


def paragraph(text: str, style: str = "", *, raised: str = "", after: str = "") -> str:
    """Write a Word paragraph: a text, a raised one and another text."""
    high = '<w:rPr><w:vertAlign w:val="superscript"/></w:rPr>'
    return (
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r>'
        f"<w:r>{high}<w:t>{raised}</w:t></w:r><w:r><w:t>{after}</w:t></w:r></w:p>"
    )


def epub(chapters: Mapping[str, str | bytes], *, listed: tuple[str, ...] = ()) -> bytes:
    """Write a book; `listed` are the chapters that it says it has, its own by default."""
    names = listed or tuple(chapters)
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(names)))
    book = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="d"><metadata>'
        "<dc:title>The Book of Trees</dc:title><dc:creator>Ada Ash</dc:creator>"
        "<dc:identifier>doi:10.1234/Trees.1</dc:identifier></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="c"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles>'
        "</container>"
    )
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "OEBPS/book.opf": book,
            **{f"OEBPS/{name}": content for name, content in chapters.items()},
        }
    )
