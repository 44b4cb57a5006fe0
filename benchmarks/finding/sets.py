"""Public sets of questions and the passages that answer them.

CLAPNQ and PubMedQA are read from a folder that whoever runs the benchmark brings along; the Perl
FAQ comes out of Debian's package perl-doc. None of their text is part of this repository.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.finding import perl_faq
from services.retriever.selection import Triples, alike, triples_of
from shared.errors import SetupError


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the passages that answer it: indices into the set's passages."""

    text: str
    relevant: frozenset[int]


@dataclass(frozen=True, slots=True)
class Collection:
    """A set: passages to search, and questions whose answers are known.

    Attributes:
        name: as in the figures' keys.
        passages: none twice.
        questions: each with at least one relevant passage.
    """

    name: str
    passages: tuple[str, ...]
    questions: tuple[Question, ...]


def load(folder: Path) -> list[Collection]:
    """All sets.

    Args:
        folder: with `clapnq/` and `pubmedqa/`, as their projects publish them.

    Raises:
        SetupError: a set is not there.
    """
    try:
        return [_clapnq(folder / "clapnq"), _pubmedqa(folder / "pubmedqa"), _perl_faq()]
    except FileNotFoundError as exc:
        raise SetupError(
            f"{exc.filename} is missing: name a folder with clapnq/ (github.com/primeqa/clapnq) "
            "and pubmedqa/ (github.com/pubmedqa/pubmedqa) with --data"
        ) from exc


def _clapnq(folder: Path) -> Collection:
    """Answerable questions; the passages of those that have no answer are there to mislead."""
    answerable = list(_lines(folder / "clapnq_dev_answerable.jsonl"))
    others = list(_lines(folder / "clapnq_dev_unanswerable.jsonl"))
    texts = [row["passages"][0]["text"] for row in (*answerable, *others)]
    return _one_each("clapnq", [row["input"] for row in answerable], texts)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _pubmedqa(folder: Path) -> Collection:
    """Questions that papers ask in their titles, and the abstracts without their conclusions."""
    rows = json.loads((folder / "ori_pqal.json").read_bytes()).values()
    texts = [" ".join(row["CONTEXTS"]) for row in rows]
    return _one_each("pubmedqa", [row["QUESTION"] for row in rows], texts)


def _one_each(name: str, questions: Sequence[str], texts: Sequence[str]) -> Collection:
    """A set whose n-th question is answered by the n-th text."""
    passages, places = distinct(texts)
    asked = tuple(
        Question(text, frozenset({places[number]})) for number, text in enumerate(questions)
    )
    return Collection(name, passages, asked)


def _perl_faq() -> Collection:
    """Questions of the Perl FAQ; what misleads is the rest of Perl's manual."""
    entries, others = perl_faq.entries(), perl_faq.other_passages()
    pieces = [piece for entry in entries for piece in entry.passages]
    passages, places = distinct([*pieces, *others])
    numbers = iter(places)
    asked = tuple(
        Question(entry.question, frozenset(next(numbers) for _ in entry.passages))
        for entry in entries
    )
    return Collection("perlfaq", passages, asked)


def distinct(texts: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    """Texts without those that are the same as an earlier one but for some words.

    Which of two such passages a question was judged by is chance, and a search that hands on one
    of them alone would lose by it.

    Returns:
        What is left, and for each text given the place there of the one that stands for it.
    """
    kept: list[tuple[str, Triples]] = []
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    places = []
    for text in texts:
        triples = triples_of(text)
        shared = Counter(place for triple in triples for place in holders[triple])
        place = next((at for at, _ in shared.most_common() if alike(triples, kept[at][1])), None)
        if place is None:
            place = len(kept)
            kept.append((text, triples))
            for triple in triples:
                holders[triple].append(place)
        places.append(place)
    return tuple(text for text, _ in kept), places
