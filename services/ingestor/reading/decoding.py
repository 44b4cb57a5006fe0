"""Bytes to text, whatever wrote them."""

import codecs
import re

import charset_normalizer  # comes with trafilatura, which needs it too

from services.ingestor.cleaning.characters import few_marks

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""")
# Pages that say Latin-1 mean Windows-1252: browsers read them so, and the HTML standard says so.
_MEANT = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252"}
# Python's own inventions, for which no page asks in earnest: they are slow, or give no text.
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7")
)
_HEAD = 2048
LOST = "\ufffd"  # stands for bytes that mean nothing
_SOUND_FOR_ONE_LOST = 5  # letters; text in another encoding gives next to none by chance
_GUESSABLE = 1000  # bytes; in fewer, statistics of letters find Greek in French


def has_mark(data: bytes) -> bool:
    """Whether a byte-order mark says that this is text."""
    return data.startswith(tuple(mark for mark, _ in _MARKS))


def decode(data: bytes, *, declared: bool = False) -> str:
    r"""Decode text: byte-order mark, then declaration, then UTF-8, then what fits best.

    Args:
        data: the whole file.
        declared: look for `charset=` or `encoding=` near its beginning, as HTML and XML have.

    Returns:
        Text with "\n" for every kind of line break, without byte-order mark.
    """
    text = few_marks(_decoded(data, declared=declared))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(data: bytes, *, declared: bool) -> str:
    """Try the ways in their order."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    damaged = _damaged_utf8(data)
    if damaged is not None:
        return damaged
    names = [*_declarations(data), "utf-8"] if declared else ["utf-8"]
    for name in names:
        try:
            if codecs.lookup(name).name.replace("_", "-") not in _NO_CHARSETS:
                return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue  # the declaration is wrong, or names nothing that Python knows
    if len(data) < _GUESSABLE:
        return data.decode("cp1252", errors="replace")
    best = charset_normalizer.from_bytes(data).best()
    return str(best) if best else data.decode("cp1252", errors="replace")


def _damaged_utf8(data: bytes) -> str | None:
    """Read UTF-8 with a few broken bytes, which no other encoding reads better; None for others."""
    text = data.decode("utf-8", errors="replace")
    lost = text.count(LOST)
    sound = sum(not letter.isascii() for letter in text) - lost
    return text if 0 < lost * _SOUND_FOR_ONE_LOST <= sound else None


def _declarations(data: bytes) -> list[str]:
    """Find the encoding that a page or an XML file says it has."""
    found = _DECLARED.search(data[:_HEAD])
    if not found:
        return []
    name = found[1].decode("ascii").lower()
    # Whoever can read this declaration as ASCII does not read UTF-16.
    return [] if name.startswith("utf-16") else [_MEANT.get(name, name)]
