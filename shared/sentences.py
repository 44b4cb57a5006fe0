"""Text to sentences, by rules: for chunks in the ingestor, for evidence in the generator.

A sentence ends at . ! or ? (with closing quotes and brackets behind it) before whitespace and
something that can begin a sentence; at the full stops of Chinese and Japanese; and at a line break.
It does not end after abbreviations, initials ("Q. robur", "J. K. Smith") or a list's number ("3.").
Where the rules are in doubt they do not cut: a sentence too long does less harm than half of one.
"""

import re


def _set(words: str) -> frozenset[str]:
    """Give the words of a line."""
    return frozenset(words.split())


# What stands before the stop of an abbreviation, lower case.
_NEVER_LAST = _set(
    "e.g i.e cf viz vs resp figs eqs eqns refs ed eds rev dr mr mrs ms prof st sr jr dipl "
    "inst univ dept approx ca c avg subsp ssp var f sp spp cv gen nov aff incl excl supp "
    "suppl app al z.b d.h bzw u.a vgl nr abb jan feb mar apr jun jul aug sep sept oct nov dec"
)
# Words of their own, unless a number follows.
_BEFORE_NUMBER = _set("fig tab eq eqn ref sec sect ch chap vol vols no nos pp p art")
# These end a sentence when a word follows that mostly begins one.
_MAY_BE_LAST = _set("al etc sp spp nov a.m p.m u.s u.k u.s.a inc ltd co corp")
# A run of stops is looked at once, from its beginning: "....…" would else take quadratic time.
_END = re.compile(
    r"""(?<![.!?])[.!?]++["'”’»)\]]*+(?=\s)|"""  # noqa: RUF001 - closing quotes of several languages
    r"[。！？]+[”’」』）]*|\n+"  # noqa: RUF001 - Chinese and Japanese stops
)
_BEFORE = re.compile(r"([^\s(\[{\"'“‘«]*)$")  # noqa: RUF001 - opening quotes of several languages
_INITIAL = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_NUMBER = re.compile(r"\d{1,3}|[ivxIVX]{1,4}")
_BEGINNERS = _set(
    "a all although an and as at but by each for from he her here his however if in it its "
    "many most no of on one other our several she since so some such that the their then "
    "there these they this those thus to under we what when where which while who with you "
    "your"
)
_WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?")  # noqa: RUF001 - the printed apostrophe


def split(text: str) -> list[str]:
    """Cut a text into its sentences.

    Args:
        text: of any length, in a language that parts sentences with stops.

    Returns:
        Substrings of `text` as they stand in it, in order, without whitespace at their ends and
        never empty. Nothing but whitespace is lost.
    """
    found, start = [], 0
    for end in _END.finditer(text):
        if _ends(text, start, end):
            found.append(text[start : end.end()].strip())
            start = end.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _ends(text: str, start: int, end: re.Match[str]) -> bool:
    """Whether a stop ends the sentence that began at `start`."""
    mark, after = end[0], text[end.end() : end.end() + 40].lstrip()
    if mark[0] in "\n。！？":  # noqa: RUF001 - Chinese and Japanese stops
        return True
    if not after or after[0].islower() or after[0] in ",;:)]":
        return False
    if mark[0] != "." or mark.startswith(".."):
        return True
    before = _BEFORE.search(text, max(start, end.start() - 30), end.start())
    return not before or _ends_after(before[1], after, first=before.start(1) == start)


def _ends_after(word: str, after: str, *, first: bool) -> bool:
    """Whether "word." ends a sentence, given the text behind it.

    Args:
        word: what stands before the stop.
        after: the text behind it.
        first: the word is the first of the sentence.
    """
    lower = word.lower()
    if lower in _BEFORE_NUMBER:
        return not (after[0].isdigit() or len(word) == 1)
    if lower in _MAY_BE_LAST and _begins_sentence(after):
        return True
    if lower in _NEVER_LAST or lower in _MAY_BE_LAST:
        return False
    if _INITIAL.fullmatch(word) and word not in ("I", "µ"):
        return word.islower() and _begins_sentence(after)
    return not (first and _NUMBER.fullmatch(word))


def _begins_sentence(after: str) -> bool:
    """Whether a text begins with a word that mostly begins sentences: "The", not "Smith"."""
    word = _WORD.match(after)
    return word is not None and word[0][0].isupper() and word[0].lower() in _BEGINNERS
