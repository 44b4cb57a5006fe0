"""Papers' evidence in other surroundings, so that only what a text says decides. Pure."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.grader.example import Example
from training.grader.wording import worded

Row = Mapping[str, Any]
UNSURE = (0.4, 0.6)  # shares of votes from which nothing can be learnt
ALONE, CROSSED = 0.5, 0.4  # of spliced evidence: again without; for another question
NEAREST = 0.6  # of surroundings: hold the sentence nearest to the question that they leave open
AROUND = (3, 7)  # sentences around evidence that was put elsewhere


def spliced(rows: Sequence[Row], count: int, random_source: random.Random) -> Iterator[Example]:
    """Evidence among sentences of another paper that leaves the same question open.

    Now and then the same without it, or with evidence for a question that the paper leaves open:
    so a text is judged by what it says, and not by how much it speaks of such things. Each question
    comes as often as any other: what few papers tell is no less an answer.

    Args:
        rows: of papers.
        count: of texts with evidence.
        random_source: varies them.
    """
    none, told = _by_question(rows)
    open_questions: dict[Any, list[Row]] = {}
    for row in (one for of in none.values() for one in of):
        open_questions.setdefault(row["group"], []).append(row)
    for question in random_source.choices(sorted(told.keys() & none.keys()), k=count):
        row = random_source.choice(told[question])
        marked = zip(row["sentences"], row["weak"], strict=True)
        evidence = [text for text, is_it in marked if is_it == 1][: random_source.randint(1, 2)]
        other = some_of(random_source.choice(none[question]), random_source)
        yield around(worded(row, random_source), evidence, other, 1.0, random_source)
        if random_source.random() < ALONE:
            yield around(worded(row, random_source), [], other, 0.0, random_source)
        if (others := open_questions.get(row["group"])) and random_source.random() < CROSSED:
            left = random_source.choice(others)
            other = some_of(random_source.choice(none[left["cq"]]), random_source)
            yield around(worded(left, random_source), evidence, other, 0.0, random_source)


def _by_question(rows: Sequence[Row]) -> tuple[dict[Any, list[Row]], dict[Any, list[Row]]]:
    """Of each question, the papers that leave it open, and those with evidence."""
    none: dict[Any, list[Row]] = {}
    told: dict[Any, list[Row]] = {}
    for row in rows:
        if row["answerable"] == 0:
            none.setdefault(row["cq"], []).append(row)
        elif row["answerable"] > max(UNSURE) and 1 in row["weak"]:
            told.setdefault(row["cq"], []).append(row)
    return none, told


def some_of(row: Row, random_source: random.Random) -> list[str]:
    """Some of a row's sentences, one behind the other, often what sounds most like an answer."""
    texts, near = row["sentences"], row["near"]
    count = min(len(texts), random_source.randint(*AROUND))
    start = random_source.randint(0, len(texts) - count)
    if random_source.random() < NEAREST:
        nearest = max(range(len(texts)), key=lambda one: near[one])
        start = min(max(0, nearest - random_source.randrange(count)), len(texts) - count)
    return list(texts[start : start + count])


def around(
    question: str,
    evidence: Sequence[str],
    others: Sequence[str],
    answer: float,
    random_source: random.Random,
) -> Example:
    """Evidence somewhere among other sentences."""
    place = random_source.randint(0, len(others))
    texts = [*others[:place], *evidence, *others[place:]]
    support = [0] * len(texts)
    support[place : place + len(evidence)] = [int(answer)] * len(evidence)
    # what must be read is nearest
    near = [float(place <= one < place + len(evidence)) for one in range(len(texts))]
    return Example(question, texts, near, answer, support, budget=256)


def spliced_rows(rows: Sequence[Row], random_source: random.Random) -> Iterator[dict[str, Any]]:
    """The same as rows with similarities, to calibrate on: each evidence once, and once without."""
    none = [row for row in rows if row["answerable"] == 0]
    for row in rows:
        others = [one for one in none if one["cq"] == row["cq"]]
        places = [place for place, is_it in enumerate(row["weak"]) if is_it == 1]
        if row["answerable"] < 1 or not places or not others:
            continue
        other, place = random_source.choice(others), random_source.choice(places)
        count = min(len(other["sentences"]), random_source.randint(*AROUND))
        start = random_source.randint(0, len(other["sentences"]) - count)
        texts, near = (other[name][start : start + count] for name in ("sentences", "near"))
        without = {**row, "set": "spliced", "sentences": texts, "near": near, "answerable": 0.0}
        yield without
        yield {
            **without,
            "sentences": [*texts, row["sentences"][place]],
            "near": [*near, row["near"][place]],
            "answerable": 1.0,
        }
