"""Which lines are headings, and the path of sections that a line lies in."""

import re
from dataclasses import dataclass, field

SEPARATOR = " > "
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+[^\W\d_]|([A-Z]|[IVX]{1,4})\.\s+[A-Z]")
_LETTER_RUN = re.compile(r"[^\W\d_]{3,}")
_KNOWN = re.compile(
    r"(?:(?:\d{1,2}|[IVX]{1,4})\.?\s+)?(?:abstract|summary|contents|table of contents|introduction|"
    r"background|(?:materials?|patients|data) and methods|methods?(?: and materials)?|methodology|"
    r"results?(?: and discussion)?|discussion|conclusions?|acknowledge?ments?|appendix(?: [a-z])?|"
    r"references|bibliography|literature cited|works cited|data availability|funding|"
    r"conflicts? of interest|author contributions|supplementary (?:material|information)|"
    r"related work|limitations|keywords)[.:]?",
    re.IGNORECASE,
)
_LONGEST = 120
_LONGEST_PATH = 1_000
_CONTENTS = re.compile(r"(?:table of )?contents", re.IGNORECASE)
_REFERENCES = re.compile(
    r"(?:[\dIVX]+\.?\s+)?(?:references|bibliography|literature cited|works cited)[.:]?",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Sections:
    """The headings above the current place, outermost first.

    Attributes:
        path: (level, title) with rising levels.
    """

    path: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, level: int, title: str) -> None:
        """Open a section, and close those of its level and deeper.

        Args:
            level: 1 is the outermost.
            title: without line breaks.
        """
        self.path = [(above, name) for above, name in self.path if above < level]
        self.path.append((level, title))

    def __str__(self) -> str:
        """Join the titles: "Methods > Sampling".

        Every block repeats them, so they are cut to a length that no honest path has.
        """
        return SEPARATOR.join(name for _, name in self.path if name)[:_LONGEST_PATH]


def level(text: str, *, scale: float, bold: bool, apart: bool) -> int | None:
    """Tell a heading's level, 1 the outermost, or None for a line that is none.

    Args:
        text: the line, cleaned.
        scale: its font size over the body's.
        bold: all of it is bold.
        apart: more room above it than between a paragraph's lines, or nothing above it.
    """
    if len(text) > _LONGEST or not _LETTER_RUN.search(text):
        return None
    larger = scale > 1.08  # noqa: PLR2004 - 11 on 10 points is seen, rounding is not
    if _KNOWN.fullmatch(text) and (text.isupper() or bold or larger or apart):
        return 1
    if text.endswith((".", ",", ";")) and not larger:
        return None
    number = _NUMBERED.match(text)
    if number and (larger or bold or (apart and "." in (number[1] or "") and _is_title(text))):
        return 1 + (number[1] or "").count(".")
    return _by_type(text, scale=scale, bold=bold, apart=apart)


def _by_type(text: str, *, scale: float, bold: bool, apart: bool) -> int | None:
    """Tell an unnumbered heading by its size or weight."""
    starts = text[0].isupper() or text[0].isdigit()
    if scale >= 1.35 and starts:  # noqa: PLR2004 - a step of two sizes: \Large on \normalsize
        return 1
    if apart and starts and (scale >= 1.12 or (bold and scale > 0.95)):  # noqa: PLR2004 - one size
        return 2
    return None


def _is_title(text: str) -> bool:
    """Whether a line is short and no sentence, for headings set like the text below them."""
    return len(text) < 70 and not re.search(r"[.!?=<>]\s|[:,]$|[=<>~]", text[4:])  # noqa: PLR2004 - a column holds about 50 letters


def is_known(text: str) -> bool:
    """Whether a line is one of the headings that papers have in common."""
    return _KNOWN.fullmatch(text) is not None


def is_numbered(text: str) -> bool:
    """Whether a line begins as a numbered heading does: "2.1 Data"."""
    return _NUMBERED.match(text) is not None


def is_contents(section: str) -> bool:
    """Whether a section is a table of contents."""
    return _CONTENTS.fullmatch(section.rsplit(SEPARATOR, 1)[-1]) is not None


def is_references(section: str) -> bool:
    """Whether a section is a list of literature."""
    return _REFERENCES.fullmatch(section.rsplit(SEPARATOR, 1)[-1]) is not None
