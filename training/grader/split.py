"""Who is trained on, who tunes, who judges: drawn by hash, so that no row can wander.

A paper, a question or a CLAPNQ id falls to one part by the SHA-256 of seed and name, whatever
else the data holds. `split.json` lists the hashed names of every part, as `prepare` found them.
"""

import hashlib
from typing import Literal

Part = Literal["train", "dev", "test"]

SEED = "grader-1"
HELD_OUT_QUESTIONS = frozenset({10, 20, 7, 24})
"""Numbers (`cq`) of the questions never trained on: the first four in the order of their hashes."""


def _draw(name: str) -> float:
    """A number in 0..1 that depends on seed and name alone."""
    digest = hashlib.sha256(f"{SEED}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def part_of(name: str, *, test: float, dev: float) -> Part:
    """The part that something falls to.

    Args:
        name: of a paper, a CLAPNQ question or a PubMed article.
        test: share of names that judge, 0..1.
        dev: share of names that tune.
    """
    place = _draw(name)
    if place < test:
        return "test"
    return "dev" if place < test + dev else "train"


def paper_part(paper: str) -> Part:
    """A fifth of the papers judges, a tenth tunes."""
    return part_of(f"paper:{paper}", test=0.2, dev=0.1)


def clapnq_part(identity: str) -> Part:
    """Half judges, a twelfth tunes."""
    return part_of(f"clapnq:{identity}", test=0.5, dev=0.08)


def pubmed_part(identity: str) -> Part:
    """A tenth judges, a twentieth tunes."""
    return part_of(f"pubmed:{identity}", test=0.1, dev=0.05)


def written(name: str) -> str:
    """A name as split.json holds it: the list says who was where, and quotes nothing."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def question_order(numbers: list[int]) -> list[int]:
    """Question numbers in the order of their hashes."""
    return sorted(numbers, key=lambda one: hashlib.sha256(f"{SEED}:{one}".encode()).hexdigest())
