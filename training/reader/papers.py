"""Packs of papers_qa: a paper's passages, asked several of its 28 questions. Pure."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.grader.rows import part
from training.grader.wording import worded
from training.reader.packs import Asked, Pack, Passage
from training.reader.passages import COUNTS, Piece, budget, parted, pieces, trimmed
from training.reader.targets import best, dont_know, quoted

Row = Mapping[str, Any]
ENOUGH_VOTES = 0.8  # of five models; with none the passages hold no answer, else who knows
OTHERS = 4  # further questions about a context
ANSWERED = 2  # of them, at most so many with an answer
NEAR, NEAREST = (
    0.2,
    0.6,
)  # least likeness of evidence to its question, and part of the nearest one's
NAMED = 0.3  # how often pages are named


def paper_packs(
    rows: Sequence[Row], contexts: Mapping[str, str], random_source: random.Random
) -> Iterator[Pack]:
    """One pack for each context whose own question surely has an answer, or surely none."""
    known = part(list(rows), "train")  # type: ignore[arg-type]  # read alone
    papers = defaultdict(list)
    for row in known:
        papers[row["group"]].append(row)
    for row in known:
        if is_open(row) or evidence(row):
            yield _pack(row, papers[row["group"]], contexts[row["id"]], random_source)


def is_open(row: Row) -> bool:
    """Whether no model found an answer."""
    return bool(row["answerable"] == 0)


def evidence(row: Row) -> list[tuple[str, float]]:
    """The sentences that most models' answer was surely taken from, with their worth."""
    if row["answerable"] < ENOUGH_VOTES:
        return []
    marked = zip(row["sentences"], row["near"], row["weak"], strict=True)
    found = [(text, near) for text, near, weak in marked if weak == 1]
    nearest = max((near for _, near in found), default=0.0)
    return [(text, near) for text, near in found if near >= max(NEAR, NEAREST * nearest)]


def _pack(row: Row, of_paper: Sequence[Row], context: str, random_source: random.Random) -> Pack:
    wanted = best(evidence(row))

    def needed(piece: Piece) -> bool:
        return any(one in piece.text for one in wanted)

    kept = trimmed(pieces(context), needed, budget(random_source), random_source)
    texts = parted(kept, random_source.choice(COUNTS))
    page = random_source.randint(1, 20) if random_source.random() < NAMED else None
    passages = [Passage(text, page=page and page + n // 2) for n, text in enumerate(texts)]
    own = _asked(row, texts, random_source, own=True)
    others = [one for one in of_paper if one["cq"] != row["cq"]]
    asked = [own] if own else []
    asked += _others(others, texts, random_source)
    return Pack(row["id"], tuple(passages), tuple(asked))


def _others(rows: Sequence[Row], texts: Sequence[str], random_source: random.Random) -> list[Asked]:
    """Other questions about the passages: answered where evidence for them stands there, too."""
    asked = [_asked(row, texts, random_source, own=False) for row in rows]
    known = [one for one in asked if one and one.answer != dont_know()]
    unknown = [one for one in asked if one and one.answer == dont_know()]
    random_source.shuffle(known)
    random_source.shuffle(unknown)
    known = known[:ANSWERED]
    return [*known, *unknown[: OTHERS - max(1, len(known))]]


def _asked(
    row: Row, texts: Sequence[str], random_source: random.Random, *, own: bool
) -> Asked | None:
    """The question with its answer from these passages; None if nobody can say."""
    if is_open(row):
        return Asked(worded(row, random_source), dont_know(), own)
    there = [(one, near) for one, near in evidence(row) if any(one in text for text in texts)]
    answer = quoted(best(there), texts)
    return Asked(worded(row, random_source), answer, own) if answer else None
