"""Packs of CLAPNQ and PubMedQA: passages, asked what they tell and what they do not. Pure."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.generator.answerability import overlap
from training.grader.rows import part
from training.grader.texts import CONCLUSION, as_written
from training.reader.packs import Asked, Pack, Passage
from training.reader.targets import best, dont_know, quoted

Row = Mapping[str, Any]
ROUNDS = 2  # packs of each CLAPNQ question
STRANGERS = (0, 0, 1)  # passages of other questions beside a question's own
TOGETHER = (1, 1, 2)  # abstracts in a prompt
CONCLUDED = 0.65  # of them, with their conclusion; the others say only what was done
PASSAGE_WORDS = 110


def clapnq_packs(rows: Sequence[Row], random_source: random.Random) -> Iterator[Pack]:
    """Each question with its passage among near ones, and a near question that has none."""
    known = part(list(rows), "train")  # type: ignore[arg-type]  # read alone
    by_text = {row["sentences"][0]: row for row in known}
    for turn in range(ROUNDS):
        for row in known:
            near = [by_text.get(one["sentences"][0]) for one in row["strangers"]]
            others = [one for one in near if one and one["id"] != row["id"]]
            random_source.shuffle(others)
            count = random_source.choice(STRANGERS)
            shown = [row, *others[:count]]
            random_source.shuffle(shown)
            texts = [_clipped(one["sentences"], one["gold"]) for one in shown]
            asked = [_from_wikipedia(one, texts, random_source) for one in shown]
            asked += [
                Asked(as_written(one["question"], random_source), dont_know(), own=False)
                for one in others[count : count + 1]
            ]
            passages = tuple(Passage(text) for text in texts)
            yield Pack(f"{row['id']}:{turn}", passages, tuple(one for one in asked if one))


def _from_wikipedia(row: Row, texts: Sequence[str], random_source: random.Random) -> Asked | None:
    question = as_written(row["question"], random_source)
    if not row["answerable"]:
        return Asked(question, dont_know())
    said = " ".join(row["answers"])
    marked = zip(row["sentences"], row["gold"], strict=True)
    gold = [(one, overlap(one, said)) for one, is_it in marked if is_it]
    answer = quoted(best(gold), texts)
    return Asked(question, answer) if answer else None


def _clipped(sentences: Sequence[str], gold: Sequence[int]) -> str:
    """A passage without what is far from its gold, if it is long."""
    last = max((place for place, is_it in enumerate(gold) if is_it), default=0)
    kept, words = [], 0
    for place, sentence in enumerate(sentences):
        words += len(sentence.split())
        if place > last and words > PASSAGE_WORDS:
            break
        kept.append(sentence)
    return " ".join(kept)


def pubmed_packs(rows: Sequence[Row], random_source: random.Random) -> Iterator[Pack]:
    """Some abstracts, with their questions and one of an abstract that is not shown."""
    known = part(list(rows), "train")  # type: ignore[arg-type]  # read alone
    random_source.shuffle(known)
    while len(known) > max(TOGETHER):
        shown = [known.pop() for _ in range(random_source.choice(TOGETHER))]
        told = [_told(row, concluded=random_source.random() < CONCLUDED) for row in shown]
        texts = [" ".join(sentences) for sentences, _ in told]
        asked = [
            Asked(row["question"], quoted(best(of), texts) or dont_know())
            for row, (_, of) in zip(shown, told, strict=True)
        ]
        asked.append(Asked(random_source.choice(known)["question"], dont_know(), own=False))
        passages = tuple(Passage(text) for text in texts)
        yield Pack(shown[0]["id"], passages, tuple(asked))


def _told(row: Row, *, concluded: bool) -> tuple[list[str], list[tuple[str, float]]]:
    """An abstract's sentences, and those of them that answer its question."""
    told = list(zip(row["sentences"], row["kinds"], strict=True))
    conclusion = [text for text, kind in told if kind == CONCLUSION]
    done = [text for text, kind in told if kind != CONCLUSION]
    if not concluded:
        return done[: max(2, len(done) // 2)], []
    kept = [done[0], *done[-max(2, len(done) // 3) :]] if done else []
    return [*dict.fromkeys([*kept, *conclusion])], [(text, 1.0) for text in conclusion]
