"""Words that a line's end has cut, made whole again.

A hyphen at a line's end is the typesetter's ("identifica-" + "tion") or the author's ("long-" +
"term"). The document itself usually knows: it has the word elsewhere, in the middle of a line.
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from services.ingestor.cleaning.characters import is_unspaced

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LETTERS_ONLY = re.compile(r"[^\W\d_]+")
_LONGEST_WORD = 100  # characters; a longer one is no word, and looking it through takes its time
_TAIL = 2 * _LONGEST_WORD  # characters: more than `join` looks back
_REST = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# "short- and long-term": the hyphen hangs, and what follows is a word of its own.
_HANGING = frozenset(("and", "or", "to", "und", "oder", "et", "ou", "y", "e", "o"))
# Second parts that make compounds of whatever stands before them, and end no plain word.
_COMPOUNDS = frozenset(
    (
        *("based", "defined", "dependent", "dimensional", "driven", "free", "known", "level"),
        *("like", "numbered", "oriented", "scale", "separated", "specific", "weighted"),
    )
)
_SHORTEST_FIRST = 3  # letters before such a part: "un-" and "re-" are syllables
# Below this a part is too often a syllable that happens to be a word ("in-" + "formation").
_LETTERS = 4


def vocabulary(lines: Iterable[str]) -> frozenset[str]:
    """Collect the words, lower case, that stand whole within lines.

    Args:
        lines: all of a document's; the words at a line's end and start may be halves, so only
            those away from a cut are taken.
    """
    seen: Counter[str] = Counter()
    after_cut = False
    for line in lines:
        words = (word[0].lower() for word in _WORD.finditer(line))  # a line may be a whole file
        if after_cut:
            next(words, None)
        after_cut = line.endswith("-")
        seen.update((word for word, _ in pairwise(words)) if after_cut else words)
    return frozenset(word for word in seen if not _has_rival(word, seen))


def _has_rival(word: str, seen: Counter[str]) -> bool:
    """Whether a compound is more often written as one word; in a tie the hyphen stays."""
    if "-" in word:
        return seen[word.replace("-", "", 1)] > seen[word]
    return False


def join(above: str, below: str, known: frozenset[str]) -> str:
    """Put the line `below` after the text `above`, with the right thing between them.

    Args:
        above: text so far, may be empty.
        below: the next line.
        known: see `vocabulary`.
    """
    if not above:
        return below
    if above.endswith(("\u2013", "/")) and not above[-2:-1].isspace():
        return above + below  # a range or a path: "1990-" + "1995" with an en dash
    if is_unspaced(above, below):
        return above + below
    first = _cut_word(above)
    rest = _REST.match(below)
    if first and rest:
        kept = above[: -len(first) - 1]
        return kept + _whole(first, rest[0], known) + below[rest.end() :]
    if above.endswith("-") and below[:1].isalnum() and not above[-2:-1].isspace():
        return above + below  # "COVID-" + "19"
    return f"{above} {below}"


def joined(lines: Iterable[str], known: frozenset[str]) -> str:
    """Put many lines after each other as `join` does, in linear time."""
    done: list[str] = []
    tail = ""
    for line in lines:
        tail = join(tail, line, known)
        if len(tail) > 2 * _TAIL:
            done.append(tail[:-_TAIL])
            tail = tail[-_TAIL:]
    return "".join([*done, tail])


def _cut_word(above: str) -> str:
    """Give the letters before a hyphen at the end, "" if there are none."""
    if not above.endswith("-"):
        return ""
    backwards = _LETTERS_ONLY.match(above[-2 : -2 - _LONGEST_WORD : -1])
    return backwards[0][::-1] if backwards else ""


def _whole(first: str, rest: str, known: frozenset[str]) -> str:
    """Decide what the halves `first` and `rest` make together."""
    if rest.lower() in _HANGING:
        return f"{first}- {rest}"
    if not rest[0].islower():
        # Small capitals and shouted headings are cut like any word; names keep their hyphen.
        return first + rest if first.isupper() and rest.isupper() else f"{first}-{rest}"
    return first + rest if _is_one_word(first.lower(), rest.lower(), known) else f"{first}-{rest}"


def _is_one_word(first: str, rest: str, known: frozenset[str]) -> bool:
    """Whether the hyphen between the halves is the typesetter's."""
    if f"{first}-{rest}" in known:
        return False
    if first + rest in known:
        return True
    if rest in _COMPOUNDS and len(first) >= _SHORTEST_FIRST:
        return False
    both_words = first in known and rest in known
    return not (both_words and len(first) >= _LETTERS and len(rest) >= _LETTERS)
