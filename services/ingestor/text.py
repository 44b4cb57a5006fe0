"""What a document is between its bytes and its vectors.

`Source` is what a reader hands over, `Unit` is one sentence that waits for its token count, and
`Chunk` is what the index keeps.
"""

from dataclasses import dataclass
from typing import Literal

Part = Literal["text", "header", "row", "reference"]
Kind = Literal["paragraph", "caption", "footnote", "table", "code", "reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One paragraph, caption, table or code listing, cleaned.

    Attributes:
        text: never empty. Spaces stand for line breaks, but in tables and code, whose lines stay.
        page: 1-based page it begins on, None where the format has no pages.
        section: titles from the outermost in, joined by " > ", "" before the first.
        kind: what it is; "reference" is an entry of the list of literature.
        continues: it goes on in the middle of the block before it, over a column or page break.
    """

    text: str
    page: int | None = None
    section: str = ""
    kind: Kind = "paragraph"
    continues: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document that was read.

    Attributes:
        title: never empty; the file's name where the document tells none.
        blocks: in reading order, never empty.
        pages: number of pages, None where the format has none.
        authors: as the document writes their names, in its order; empty where it tells none.
        doi: of the document itself, lower case, without a resolver's address; "" if not told.
        missing: words for a person about what could not be read of it; "" if all was.
    """

    title: str
    blocks: list[Block]
    pages: int | None = None
    authors: tuple[str, ...] = ()
    doi: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The smallest text a chunk is made of: a sentence, a table's row, a line of code.

    Attributes:
        text: never empty.
        page: 1-based page its first character stands on, None without pages.
        section: as in `Block`.
        opens: it begins a new line in the chunk, as a paragraph's first sentence does.
        part: a table's "header" is repeated above its rows where these go on in another chunk;
            a "reference" is an entry of the list of literature.
    """

    text: str
    page: int | None
    section: str
    opens: bool
    part: Part = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A run of sentences of one section.

    Attributes:
        text: the sentences, joined by a space, or by a line break before a new paragraph.
        page: 1-based page of its first sentence, None without pages.
        page_runs: (offset, page) wherever in `text` another page begins; a footnote's is behind.
        section: as in `Block`.
        tokens: sum of its sentences' counts.
    """

    text: str
    page: int | None
    page_runs: tuple[tuple[int, int], ...]
    section: str
    tokens: int
