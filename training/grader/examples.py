"""What one epoch reads: the rows of `prepare`, varied so that no wording or place decides. Pure.

A text without an answer is made from one with an answer wherever that can be done, by taking the
sentences away that hold it, so that topic and style alone tell nothing.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.grader.availability import availability
from training.grader.example import Example
from training.grader.invented import invented_question
from training.grader.spliced import UNSURE, spliced
from training.grader.texts import CONCLUSION, as_written
from training.grader.wording import worded

Row = Mapping[str, Any]
ANSWERING = {"RESULTS", "RESULT", "FINDINGS", "CONCLUSION", "CONCLUSIONS", "RESULTS AND DISCUSSION"}
CLAIMS = 300
# Of the papers' many rows without an answer, and with one vote for it; drawn anew each epoch.
SHARE_BY_VOTES = {0.0: 0.5, 0.2: 0.5}
# Shares of rows that are changed in one way or another.
# CLAPNQ's passages: without what answers; thinned, and the part of its other sentences that stays.
WITHOUT_GOLD, THINNED, KEPT = 0.15, 0.3, 0.7
# Another question's passage in place of its own; some sentences of such a one beside its own.
ELSEWHERE, MIXED = 0.15, 0.25
MOST_MIXED = 4
# PubMed's questions: another abstract; no results; the conclusion among other sentences.
STRANGER, AIMS_ALONE, CONCLUDED = 0.12, 0.3, 0.45
FROM_ANSWERS, FALSIFIED = 0.5, 0.75  # of claims; of the others
DROPPED, LOWERED = 0.12, 0.2  # of a claim's words; of claims
GONE, BLANKED = 0.3, 0.2  # of invented questions: their sentence, the answer in it
FEWEST = 2  # sentences without an answer that still make a text
MOST = 9  # sentences beside a claim
_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")


def epoch(
    rows: Mapping[str, Sequence[Row]],
    random_source: random.Random,
    *,
    clapnq_times: int,
    papers_share: float,
    invented: int,
    spliced_texts: int,
    statements: int,
) -> list[Example]:
    """All examples of one epoch, unordered.

    Args:
        rows: of each set.
        random_source: varies them.
        clapnq_times: how often each CLAPNQ passage is seen, each time varied.
        papers_share: of the papers' rows, drawn anew each epoch.
        invented: number of questions made from sentences.
        spliced_texts: number of texts with a paper's evidence in other surroundings.
        statements: number of texts that tell or don't tell where data and code lie.
    """
    some = [row for row in rows["papers"] if random_source.random() < papers_share]
    found = list(_papers(some, random_source))
    found += spliced(rows["papers"], spliced_texts, random_source)
    found += availability(rows["papers"], statements, random_source)
    for _ in range(clapnq_times):
        for row in rows["clapnq"]:
            found += _clapnq(row, random_source)
    found += [one for row in rows["pubmed"] for one in _pubmed(row, rows["pubmed"], random_source)]
    told = [*rows["clapnq"], *rows["pubmed"]]
    for row in random_source.choices(told, k=invented):
        found += invented_example(row, random_source)
    every = [row for name in ("clapnq", "pubmed", "papers") for row in rows[name][:900]]
    found += [
        claim
        for row in random_source.choices(every, k=CLAIMS)
        for claim in _claim(row, random_source)
    ]
    return found


def _papers(rows: Sequence[Row], random_source: random.Random) -> Iterator[Example]:
    for row in rows:
        votes = row["answerable"]
        if votes in UNSURE:
            continue
        if random_source.random() > SHARE_BY_VOTES.get(votes, 1.0):
            continue
        support = [0] * len(row["sentences"]) if votes == 0 else None
        if votes > max(UNSURE) and 1 in row["weak"]:
            support = row["weak"]
        yield Example(
            worded(row, random_source),
            row["sentences"],
            row["near"],
            votes,
            support,
            budget=random_source.choice((112, 144, 168)),
            alike=True,
        )


def _kept(
    row: Row,
    keep: Sequence[int],
    answer: float,
    support: Sequence[int] | None,
    weight: float,
    question: str,
) -> Example:
    return Example(
        question,
        [row["sentences"][one] for one in keep],
        [row["near"][one] for one in keep],
        answer,
        None if support is None else [support[one] for one in keep],
        weight=weight,
        alike=question.lower().startswith(row["question"].lower()),
    )


def _clapnq(row: Row, random_source: random.Random) -> Iterator[Example]:
    question = as_written(row["question"], random_source)
    gold, places = row["gold"], range(len(row["sentences"]))
    kind = random_source.random()
    if row["answerable"] and kind < WITHOUT_GOLD:
        rest = [one for one in places if not gold[one]]
        if len(rest) >= FEWEST:
            yield _kept(row, rest, 0.0, gold, 0.5, question)
            return
    if kind < WITHOUT_GOLD + THINNED:
        keep = [one for one in places if gold[one] or random_source.random() < KEPT] or list(places)
        yield _kept(row, keep, row["answerable"], gold, 1.0, question)
    elif kind < WITHOUT_GOLD + THINNED + ELSEWHERE:
        other = random_source.choice(row["strangers"])
        none = [0] * len(other["sentences"])
        yield Example(question, other["sentences"], other["near"], 0.0, none, weight=0.5)
    elif kind < WITHOUT_GOLD + THINNED + ELSEWHERE + MIXED:
        yield _mixed(row, question, random_source)
    else:
        yield _kept(row, list(places), row["answerable"], gold, 1.0, question)


def _mixed(row: Row, question: str, random_source: random.Random) -> Example:
    """The passage before or behind some sentences of another question's that lie near."""
    other = random_source.choice(row["strangers"])
    few = sorted(zip(other["near"], other["sentences"], strict=True), reverse=True)[:MOST_MIXED]
    own = list(zip(row["near"], row["sentences"], row["gold"], strict=True))
    strange = [(near, text, 0) for near, text in few]
    both = own + strange if random_source.random() < FROM_ANSWERS else strange + own
    near, texts, gold = zip(*both, strict=True)
    return Example(question, texts, near, row["answerable"], gold, budget=256)


def _pubmed(row: Row, others: Sequence[Row], random_source: random.Random) -> Iterator[Example]:
    """Conclusion and results answer; aims and methods alone, or another abstract, do not."""
    kinds = [kind.upper() for kind in row["kinds"]]
    concluded = [one for one, kind in enumerate(kinds) if kind == CONCLUSION]
    results = [one for one, kind in enumerate(kinds) if kind in ANSWERING]
    rest = [one for one in range(len(kinds)) if one not in results and one not in concluded]
    draw = random_source.random()
    if draw < STRANGER:
        other = random_source.choice(others)
        if other is not row:
            places = range(len(other["sentences"]))
            yield _kept(other, list(places), 0.0, [0] * len(places), 1.0, row["question"])
    elif draw < STRANGER + AIMS_ALONE and results and len(rest) >= FEWEST:
        yield _kept(row, rest, 0.0, [0] * len(kinds), 0.5, row["question"])
    elif draw < STRANGER + AIMS_ALONE + CONCLUDED and concluded:
        keep = sorted(random_source.sample([*results, *rest], min(len(results) + len(rest), MOST)))
        place = random_source.randint(0, len(keep))
        support = supporting(kinds)
        order = [*keep[:place], *concluded, *keep[place:]]
        yield _kept(row, order, 1.0, support, 1.0, row["question"])
    elif results:
        few = random_source.sample(rest, min(len(rest), 3))
        yield _kept(row, sorted([*results, *few]), 1.0, None, 0.5, row["question"])


def supporting(kinds: Sequence[str]) -> list[int]:
    """Of an abstract's sentences: 1 the conclusion, -1 results, which may be evidence, 0 others."""
    upper = [kind.upper() for kind in kinds]
    return [-1 if kind in ANSWERING else int(kind == CONCLUSION) for kind in upper]


def _claim(row: Row, random_source: random.Random) -> Iterator[Example]:
    """A sentence of the text as a claim, told a little differently: there, gone, or falsified."""
    texts = list(row["sentences"][:MOST])
    if len(texts) <= FEWEST:
        return
    place = random_source.randrange(len(texts))
    claim, true = _retold(texts[place], random_source), 1.0
    answers = row.get("answers") or []
    draw = random_source.random()
    if answers and draw < FROM_ANSWERS:
        yield from _answer_claim(row, random_source.choice(answers), random_source)
        return
    if draw < FALSIFIED:
        changed = _falsified(claim, texts, random_source)
        if changed is None:
            texts.pop(place)
        claim, true = changed or claim, 0.0
    support = [int(true and one == place) for one in range(len(texts))]
    yield Example(claim, texts, [1.0] * len(texts), true, support)


def _answer_claim(row: Row, answer: str, random_source: random.Random) -> Iterator[Example]:
    texts = row["sentences"]
    if random_source.random() < FROM_ANSWERS:
        yield Example(answer, texts, row["near"], 1.0, row["gold"])
    elif changed := _falsified(answer, texts, random_source):
        yield Example(changed, texts, row["near"], 0.0, None)


def _retold(claim: str, random_source: random.Random) -> str:
    words = [one for one in claim.split() if random_source.random() > DROPPED]
    text = " ".join(words or claim.split())
    return text.lower() if random_source.random() < LOWERED else text


def _falsified(claim: str, texts: Sequence[str], random_source: random.Random) -> str | None:
    """The claim with a number or a name that is not its own, None if it has neither."""
    if number := _NUMBER.search(claim):
        other = str(int(number[0]) + random_source.choice((1, 2, 5, 10, 40)))
        return claim[: number.start()] + other + claim[number.end() :]
    names = [one for text in texts for one in _NAME.findall(text)]
    if (name := _NAME.search(claim)) and (others := [one for one in names if one != name[0]]):
        other = str(random_source.choice(others))
        return claim[: name.start()] + other + claim[name.end() :]
    return None


def invented_example(row: Row, random_source: random.Random) -> Iterator[Example]:
    """A question made from a sentence of the text: with it, without it, or with its answer gone."""
    texts = list(row["sentences"][:MOST])
    if len(texts) <= FEWEST:
        return
    place = random_source.randrange(len(texts))
    made = invented_question(texts[place], random_source)
    if made is None:
        return
    draw = random_source.random()
    if draw < GONE:
        texts.pop(place)
    elif draw < GONE + BLANKED:
        if made.without_answer is None:
            return
        texts[place] = made.without_answer
    there = draw >= GONE + BLANKED
    support = [int(there and one == place) for one in range(len(texts))]
    yield Example(made.question, texts, [1.0] * len(texts), float(there), support)
