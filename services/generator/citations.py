"""Markers like [2] in an answer, read, cleaned and resolved to where they point. Pure."""

import re
from collections.abc import Sequence

from services.generator.evidence import Sentence
from shared.messages import Citation, Hit

_MARKER = re.compile(r"\s*\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")


def markers(text: str) -> list[int]:
    """Passage numbers cited in a text, in their order, each once."""
    found = (int(number) for group in _MARKER.findall(text) for number in re.findall(r"\d+", group))
    return list(dict.fromkeys(found))


def without_markers(text: str) -> str:
    """The text with its markers taken out."""
    return _MARKER.sub("", text).strip()


def with_markers(text: str, numbers: Sequence[int]) -> str:
    """The text's words, with just these markers at its end."""
    return without_markers(text) + "".join(f" [{number}]" for number in numbers)


def cite(sentence: Sentence, hits: Sequence[Hit]) -> Citation:
    """Say where a quoted sentence of the passages stands."""
    hit = hits[sentence.number - 1]
    return Citation(
        marker=sentence.number,
        document_id=hit.document_id,
        title=hit.title,
        page=sentence.page,
        section=hit.section,
        chunk_id=hit.chunk_id,
        quote=sentence.text,
    )
