"""Single characters: what typesetting put in, and what readers and models expect.

Unicode's NFKC would do more and too much: it turns x² into x2 and ½ into 1/2, which changes what a
formula says. So only the characters listed here are touched.
"""

import re
import unicodedata

LIGATURES = {
    "ﬀ": "ff",
    "ﬁ": "fi",
    "ﬂ": "fl",
    "ﬃ": "ffi",
    "ﬄ": "ffl",
    "ﬅ": "st",
    "ﬆ": "st",
}
SPACES = "\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
# Zero-width marks say where a line may break, which is nothing to search for.
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_TABLE = str.maketrans(
    LIGATURES
    | dict.fromkeys(SPACES, " ")
    | dict.fromkeys(INVISIBLE, "")
    | {"\u2010": "-", "\u2011": "-"}
    | {  # the shapes of Arabic letters within words
        chr(code): unicodedata.normalize("NFKC", chr(code))
        for code in (*range(0xFB50, 0xFBB2), *range(0xFE80, 0xFEFD))
    }
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
# Sorting the accents of one letter takes quadratic time. Unicode's own "stream-safe" form allows
# 30 of them; no script has more than a few.
_MOST_MARKS = 30
_MARK = "".join(chr(code) for code in range(0x300, 0x1E950) if unicodedata.combining(chr(code)))
_MARKS = re.compile(f"[{_MARK}]{{{_MOST_MARKS + 1},}}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LEFTWARDS = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
)  # Hebrew, Arabic and their like
_UNSPACED = re.compile(
    "[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]"
)  # Chinese, Japanese
_RUN = re.compile(r"\s+")
_BLANK = re.compile(r"[^\S\n]+")


def plain(text: str) -> str:
    """Resolve ligatures, odd spaces, soft hyphens and control characters; compose accents."""
    if _SURROGATE.search(text):  # as some PDFs have them: pairs are letters, halves nothing
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return unicodedata.normalize("NFC", few_marks(_CONTROL.sub("", text.translate(_TABLE))))


def few_marks(text: str) -> str:
    """Leave one letter no more accents than can be sorted in no time."""
    return _MARKS.sub(lambda run: run[0][:_MOST_MARKS], text)


def one_line(text: str) -> str:
    """Clean `text` and make every run of whitespace one space."""
    return _RUN.sub(" ", plain(text)).strip()


def many_lines(text: str) -> str:
    """Clean `text` and keep its lines, as a table or a listing needs; empty ones go."""
    lines = (_BLANK.sub(" ", line).rstrip() for line in plain(text).splitlines())
    return "\n".join(line for line in lines if line.strip())


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit in any script."""
    return any(character.isalnum() for character in text)


def is_leftwards(text: str) -> bool:
    """Whether most of a text's letters are written from the right to the left."""
    found = len(_LEFTWARDS.findall(text))
    return found > 0 and 2 * found > sum(map(str.isalpha, text))


def is_unspaced(above: str, below: str) -> bool:
    """Whether two lines are of a script without spaces between words."""
    return bool(_UNSPACED.match(above[-1:])) and bool(_UNSPACED.match(below[:1]))
