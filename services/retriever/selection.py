"""Which of the found passages are handed on: none twice, and not all of one document. Pure."""

import re
from collections import Counter
from collections.abc import Iterable

from shared.messages import Hit

ALIKE = 0.8  # share of the word triples of two passages that both have, past which one is enough
_WORD = re.compile(r"\w+")
Triples = frozenset[tuple[str, ...]]


def choose(hits: Iterable[Hit], *, top_k: int, per_document: int) -> tuple[Hit, ...]:
    """The best passages.

    Args:
        hits: best first.
        top_k: most passages to return.
        per_document: most of one document, as long as others have something to say; what is left
            over fills up.

    Returns:
        Best first.
    """
    kept: list[Hit] = []
    spare: list[Hit] = []
    seen: list[Triples] = []
    taken: Counter[str] = Counter()
    for hit in hits:
        if len(kept) == top_k:
            break
        triples = triples_of(hit.text)
        if any(alike(triples, other) for other in seen):
            continue
        seen.append(triples)
        taken[hit.document_id] += 1
        (kept if taken[hit.document_id] <= per_document else spare).append(hit)
    filled = [*kept, *spare[: top_k - len(kept)]]
    return tuple(sorted(filled, key=lambda hit: -hit.score))  # stable: equal ones stay in order


def triples_of(text: str) -> Triples:
    """Three neighbouring words each; of a shorter text, all its words."""
    words = _WORD.findall(text.lower())
    if len(words) <= 3:  # noqa: PLR2004 - the three of the triples
        return frozenset({tuple(words)})
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def alike(one: Triples, other: Triples) -> bool:
    """Whether two texts are the same but for some words."""
    return len(one & other) >= ALIKE * len(one | other)
