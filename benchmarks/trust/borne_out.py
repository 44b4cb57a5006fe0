"""An independent look at delivered sentences: by words alone, with none of our models. Pure.

It shares only the check of numbers, addresses and names with the product, which is exact. A
sentence is borne out if most of its content words stand in some three sentences in a row.
"""

import re
from collections.abc import Sequence

from services.generator.citations import without_markers
from services.generator.facts import Known, invented

ENOUGH = 0.6  # of the content words
_WINDOW = 3
_STEM = 5
_WORD = re.compile(r"[^\W_]{3,}")
_COMMON = frozenset(
    {"the", "and", "for", "are", "was", "were", "has", "have", "had", "been", "being", "with"}
    | {"that", "this", "these", "those", "from", "into", "its", "their", "which", "who", "whom"}
    | {"whose", "what", "when", "where", "why", "how", "not", "but", "also", "can", "could", "may"}
    | {"might", "will", "would", "such", "than", "then", "there", "they", "them", "over", "under"}
    | {"between", "about", "after", "before", "during"}
)


def is_borne_out(sentence: str, passages: Sequence[str]) -> bool:
    """Whether the passages' words bear a sentence out.

    Args:
        sentence: delivered, with its markers.
        passages: the passages' sentences in order.
    """
    text = without_markers(sentence).strip("“” ")
    stems = _stems(text)
    if invented(text, Known(passages)):
        return False
    if not stems:
        return True
    windows = (passages[at : at + _WINDOW] for at in range(max(1, len(passages) - _WINDOW + 1)))
    return max(len(stems & _stems(" ".join(one))) / len(stems) for one in windows) >= ENOUGH


def _stems(text: str) -> frozenset[str]:
    words = (word.lower() for word in _WORD.findall(text))
    return frozenset(word[:_STEM] for word in words if word not in _COMMON)
