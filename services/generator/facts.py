"""What of a sentence can be checked letter by letter: numbers, addresses and names. Pure.

Likeness of meaning does not see that 130 stands where 120 should, or that a data set was made up.
"""

import re
from collections.abc import Iterable

_ADDRESS = re.compile(
    r"(?:https?://|doi:|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/\S*|\b10\.\d{4,9}/\S+"
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_HYPHEN = re.compile(r"-\s*\n\s*")
_WORD = re.compile(r"[^\W\d_][\w@&+'’-]*")  # noqa: RUF001 - the printed apostrophe
_PLURAL = re.compile(r"(?:['’]s|(?<=\w\w)s)$")  # noqa: RUF001 - the printed apostrophe
_BEHIND_ADDRESS = ".,;:!?)]}\"'”’»"  # noqa: RUF001 - closing quotes of several languages

_OPENING = " \t\"'“‘«(["  # noqa: RUF001 - opening quotes of several languages


def invented(text: str, passages: "Known") -> set[str]:
    """Numbers, addresses and names of a text that no passage holds."""
    addresses, rest = _addresses(text)
    found = {one for one in addresses if one.lower() not in passages.text}
    found |= _numbers(rest) - passages.numbers
    return found | {name for name in _names(rest) if _stem(name) not in passages.words}


class Known:
    """What some passages hold.

    Args:
        texts: of the passages, with whatever else is shown of them, such as titles.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        whole = "\n".join(texts)
        self.text = whole.lower()
        self.numbers = _numbers(whole)
        words = [*_WORD.findall(whole), *_WORD.findall(_HYPHEN.sub("", whole))]
        # "model49" as PDFs have it, "Pl@ntNet-based" as people write
        self.words = {_stem(part) for word in words for part in (word, *_parts(word))}


def _addresses(text: str) -> tuple[list[str], str]:
    """Addresses, and the text without them."""
    found = [one.rstrip(_BEHIND_ADDRESS) for one in _ADDRESS.findall(text)]
    return found, _ADDRESS.sub(" ", text)


def _numbers(text: str) -> set[str]:
    return {_THOUSANDS.sub("", number) for number in _NUMBER.findall(text)}


def _names(text: str) -> set[str]:
    """Words that name something: capitals where no sentence begins, or within a word."""
    found = set()
    for word in _WORD.finditer(text):
        name, begins = word[0], not text[: word.start()].strip(_OPENING)
        inner = any(letter.isupper() for letter in name[1:])
        if len(name) > 1 and (inner or (name[0].isupper() and not begins)):
            found.add(name)
    return found


def _parts(word: str) -> list[str]:
    return [re.sub(r"\d+$", "", word), *re.split(r"[-'’]", word)]  # noqa: RUF001 - as above


def _stem(word: str) -> str:
    return _PLURAL.sub("", word.lower())
