"""A model's quotation marks: kept where a passage says so word for word, else taken off. Pure.

A sentence may stand in them whole, or begin or end a longer quote that was cut into sentences.
"""

import re

from services.generator.citations import without_markers

_QUOTE = re.compile(r"([“\"]?)([^“”\"]*)([”\"]?)[.\s]*")
_ENDS = ' .!?"“”'


def claimed(sentence: str) -> str:
    """What a sentence of an answer says, without its markers and the quotation marks around it."""
    text = without_markers(sentence)
    quote = _QUOTE.fullmatch(text)
    return quote[2].strip() if quote and (quote[1] or quote[3]) else text


def shown(sentence: str, passage: str) -> str:
    """A sentence of an answer as it may leave, without its markers.

    Args:
        sentence: as the model wrote it.
        passage: what bears it out.
    """
    text, bare = without_markers(sentence), claimed(sentence)
    if bare == text:
        return text
    return f"“{bare}”" if is_verbatim(bare, passage) else bare


def is_verbatim(claim: str, passage: str) -> bool:
    """Whether a passage holds a claim word for word, but for case and space."""
    return plain(claim) in plain(passage)


def plain(text: str) -> str:
    """A text's words, fit to be compared."""
    return " ".join(text.lower().strip(_ENDS).split())
