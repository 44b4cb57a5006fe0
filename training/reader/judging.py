"""Which rows judge the reader, and how they are shown. Pure but for reading them."""

import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.trust.cases import Case, clapnq, own, papers
from shared.messages import Hit
from training.reader.packs import Passage, hits
from training.reader.passages import parted, pieces

SEED = 9
PASSAGES = 4  # in which a paper's context is shown: it was made of four
Drawn = tuple[str, Case, list[Hit]]


def judging(
    data: Path | None, own_cases: Path | None, papers_each: int, clapnq_each: int
) -> list[Drawn]:
    """The rows, each with the name of its set and its passages; none was ever trained on.

    Args:
        data: folder of the data sets.
        own_cases: a file as `benchmarks.answers --cases` takes it.
        papers_each: rows of papers with an answer, and as many without.
        clapnq_each: likewise of CLAPNQ.
    """
    found: list[Drawn] = []
    if data:
        found += [
            ("papers", one, shown(one, PASSAGES)) for one in drawn(list(papers(data)), papers_each)
        ]
        found += [("clapnq", one, [one.hit]) for one in drawn(list(clapnq(data)), clapnq_each)]
    if own_cases:
        found += [("cases", one, [one.hit]) for one in own(own_cases)]
    return found


def drawn(cases: Sequence[Case], each: int) -> list[Case]:
    """As many with an answer as without, by turns, the same for the same seed.

    A smaller draw is the beginning of a larger one.
    """
    rng = random.Random(SEED)
    sides = []
    for answerable in (True, False):
        of = [one for one in cases if one.answerable is answerable]
        sides.append(rng.sample(of, len(of))[:each])
    return [one for pair in zip(*sides, strict=False) for one in pair]


def shown(case: Case, count: int) -> list[Hit]:
    """A case's text as that many passages."""
    return hits([Passage(text) for text in parted(pieces(case.hit.text), count)])
