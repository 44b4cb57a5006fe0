"""Which sentences of a paper a large model's answer was taken from, by the words they share. Pure.

Weak labels: the answer is long and says things that stand nowhere, so only sentences that share
much with it are called evidence, only those that share next to nothing are called none.
"""

import math
from collections import Counter
from collections.abc import Sequence

from services.generator.answerability import focus

ENOUGH, CLEAR = 3, 0.6  # shared stems of a sentence; its part of the best one's score
NOTHING = 0.15
UNKNOWN = -1


def weak_gold(question: str, answer: str, sentences: Sequence[str]) -> list[int]:
    """1 for evidence, 0 for none, -1 for what cannot be told, a sentence.

    Args:
        question: its words count for nothing: all sentences near to it hold them.
        answer: by a large model that read the sentences.
        sentences: of the text.
    """
    stems = [focus(one) - focus(question) for one in sentences]
    known = Counter(stem for of in stems for stem in of)
    rarity = {stem: math.log(1 + len(sentences) / count) for stem, count in known.items()}
    said = focus(answer)
    shared = [of & said for of in stems]
    scores = [
        sum(rarity[stem] for stem in both) / math.sqrt(max(1, len(of)))
        for both, of in zip(shared, stems, strict=True)
    ]
    best = max(
        (s for s, both in zip(scores, shared, strict=True) if len(both) >= ENOUGH), default=0
    )
    if not best:
        return [UNKNOWN] * len(sentences)
    return [
        1 if score >= CLEAR * best and len(both) >= ENOUGH else 0 if score <= NOTHING * best else -1
        for score, both in zip(scores, shared, strict=True)
    ]
