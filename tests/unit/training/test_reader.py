"""What the reader is taught is in the passages, and what it said is judged as the worker would."""

import random
from typing import Any

import numpy as np
import pytest

from benchmarks.trust.cases import Case
from services.generator import evidence, prompt, verdict
from services.generator.citations import markers
from services.generator.quoting import claimed
from services.generator.verdict import DONT_KNOW, Rules
from shared.messages import Hit
from training.reader.judged import Judged, figures, judge
from training.reader.judging import drawn
from training.reader.packs import Passage, hits, rendered, shared_part
from training.reader.papers import paper_packs
from training.reader.passages import parted, pieces, trimmed
from training.reader.public import clapnq_packs, pubmed_packs
from training.reader.targets import best, quoted

OAK = "The oaks were counted in 120 plots of the reserve."
NET = "A residual network was trained on the images for fifty epochs."
FILLER = [f"Sentence number {one} of the paper tells of something else." for one in range(30)]


def rng() -> random.Random:
    return random.Random(1)  # noqa: S311 - the same examples each time, no secret


def test_what_is_taught_is_quoted_with_its_passage() -> None:
    """The reader would learn to cite at random."""
    said = quoted([OAK, NET], [f"{FILLER[0]} {NET}", OAK])
    assert said == f"“{OAK}” [2] “{NET}” [1]"
    assert quoted([OAK], [NET]) is None


def test_the_worker_reads_what_is_taught_sentence_by_sentence() -> None:
    """A taught answer would fall back to quotes although it is nothing else."""
    said = verdict.answer_sentences(
        quoted([OAK, "no stop at its end"], [OAK, "no stop at its end"]) or ""
    )
    assert said is not None
    assert [claimed(one) for one in said] == [OAK, "no stop at its end."]
    assert [markers(one) for one in said] == [[1], [2]]
    assert verdict.answer_sentences(DONT_KNOW) is None


def test_the_best_sentences_stand_in_their_own_order() -> None:
    """Half sentences would be taught, or answers as long as pages."""
    listed = [(NET, 0.4), ("of the", 0.9), (OAK, 0.8), (FILLER[0], 0.1)]
    assert best(listed) == [NET, OAK]
    assert best(listed, most=1) == [OAK]
    assert best(listed, words=3) == [OAK]
    assert best([("of the", 0.1)]) == ["of the"]


def test_a_context_is_cut_around_what_is_needed() -> None:
    """The answer would be cut away, and inventing it be taught."""
    of = pieces("\n\n".join(" ".join(FILLER[at : at + 6]) for at in range(0, 30, 6)) + "\n\n" + OAK)
    kept = trimmed(of, lambda piece: OAK in piece.text, 60, rng())
    assert sum(len(piece.text.split()) for piece in kept) <= 60
    assert OAK in kept[-1].text
    assert [of.index(piece) for piece in kept] == sorted(of.index(piece) for piece in kept)


@pytest.mark.parametrize("count", [1, 2, 4, 9, 99])
def test_passages_lose_nothing(count: int) -> None:
    """Evidence would be lost between two passages."""
    of = pieces("\n\n".join(FILLER[:9]))
    texts = parted(of, count)
    assert 1 <= len(texts) <= count
    assert "\n".join(texts).split() == " ".join(piece.text for piece in of).split()


def test_questions_share_the_prompt_up_to_their_own_words() -> None:
    """Another prompt would be trained than is served."""
    passages = [Passage(OAK, title="A", page=3), Passage(NET)]
    whole = rendered(passages, "How many plots?")
    assert whole.startswith(shared_part(passages))
    assert whole == prompt.render(
        "cited", "How many plots?", prompt.context("cited", hits(passages))
    )
    assert "[1] (A, page 3) The oaks" in whole


def paper(cq: int, votes: float, *, part: str = "train", held_out: bool = False) -> dict[str, Any]:
    evidence_of = {1: OAK, 2: NET}.get(cq)
    sentences = [*FILLER, *([evidence_of] if evidence_of else [])]
    return {
        "id": f"p:{cq}",
        "group": "p",
        "part": part,
        "cq": cq,
        "held_out": held_out,
        "question": f"Question {cq}?",
        "sentences": sentences,
        "near": [0.5] * len(sentences),
        "answerable": votes,
        "weak": [int(one == evidence_of) for one in sentences],
    }


def test_a_papers_question_is_answered_by_its_evidence_or_not_at_all() -> None:
    """Silence would be taught where the answer stands, or invention where it does not."""
    rows = [paper(1, 1.0), paper(2, 0.8), paper(3, 0.0), paper(4, 0.4)]
    contexts = {row["id"]: "\n\n".join(row["sentences"]) for row in rows}
    packs = {pack.name: pack for pack in paper_packs(rows, contexts, rng())}
    assert packs.keys() == {"p:1", "p:2", "p:3"}
    for name, sentence in (("p:1", OAK), ("p:2", NET)):
        own = packs[name].asked[0]
        assert own.own
        [number] = markers(own.answer)
        assert own.answer == f"“{sentence}” [{number}]"
        assert sentence in packs[name].passages[number - 1].text
    assert packs["p:3"].asked[0].answer == DONT_KNOW
    assert all("Question 4" not in one.question for pack in packs.values() for one in pack.asked)


def test_who_judges_is_never_taught() -> None:
    """Figures would be of what was learnt by heart."""
    rows = [paper(1, 1.0, part="test"), paper(2, 1.0, part="dev"), paper(3, 0.0, held_out=True)]
    contexts = {row["id"]: " ".join(row["sentences"]) for row in rows}
    assert list(paper_packs(rows, contexts, rng())) == []


def test_wikipedias_questions_are_answered_by_their_gold_alone() -> None:
    """A passage near to a question would be taught to answer it."""
    rows = [
        {
            "id": str(one),
            "part": "train",
            "question": f"question {one}",
            "sentences": [
                f"Passage {one} begins with this.",
                f"Passage {one} tells the answer here.",
            ],
            "gold": [0, int(one != 3)],
            "answerable": float(one != 3),
            "answers": [f"Passage {one} tells the answer."],
            "strangers": [],
        }
        for one in range(4)
    ]
    for row in rows:
        row["strangers"] = [{"sentences": one["sentences"]} for one in rows if one is not row]
    for pack in clapnq_packs(rows, rng()):
        texts = [one.text for one in pack.passages]
        for one in pack.asked:
            number = one.question.lower().strip("?").rpartition(" ")[2]
            gold = f"Passage {number} tells the answer here."
            known = number != "3" and any(gold in text for text in texts)
            assert one.answer == (quoted([gold], texts) if known else DONT_KNOW)


def test_an_abstract_without_its_conclusion_answers_nothing() -> None:
    """Guessing how a study ended would be taught."""
    rows = [
        {
            "id": str(one),
            "part": "train",
            "question": f"Does {one} help?",
            "sentences": [
                f"Aim {one} is told.",
                f"Result {one} is told.",
                f"So {one} does help us.",
            ],
            "kinds": ["AIM", "RESULTS", "LONG_ANSWER"],
        }
        for one in range(12)
    ]
    answers = set()
    for pack in pubmed_packs(rows, rng()):
        whole = " ".join(one.text for one in pack.passages)
        for one in pack.asked:
            conclusion = f"So {one.question.split()[1]} does help us."
            assert (one.answer == DONT_KNOW) == (conclusion not in whole)
            answers.add(one.answer == DONT_KNOW)
    assert answers == {True, False}


def judged(said: list[str] | None, near: list[list[float]]) -> dict[str, Any]:
    given = [
        Hit(chunk_id="a:0", document_id="a", text=OAK, score=1.0),
        Hit(chunk_id="a:1", document_id="a", text=NET, score=1.0),
    ]
    passages = evidence.sentences(given)
    grades = np.array(near, np.float32).reshape(-1, 2)
    relevance = np.array([0.9, 0.1], np.float32)
    rules = Rules(support_threshold=0.8)
    return dict(judge(said, grades, passages, given, relevance, rules, gold=[OAK]))


def test_an_answer_is_judged_as_the_worker_does() -> None:
    """The figures would be of another check than the one that decides."""
    right = judged([f"“{OAK}” [1]", f"“{NET}” [1]"], [[1, 0], [0, 1]])
    assert right == {
        "answered": True,
        "sentences": 2,
        "supported": 2,
        "borne_out": 2,
        "cited": 1,
        "gold": 1,
        "relevance": 0.9,
        "best": 0.9,
        "fell_back": False,
    }
    invented = judged(["The oaks were counted in 999 plots. [1]"], [[0.9, 0]])
    assert (invented["supported"], invented["borne_out"]) == (0, 0)
    assert invented["fell_back"]
    silent = judged(None, [])
    assert (silent["answered"], silent["sentences"], silent["fell_back"]) == (False, 0, False)


def row(**fields: Any) -> Judged:
    plain: dict[str, Any] = {"set": "papers", "name": "n", "answerable": True, "answered": True}
    counts = {"sentences": 2, "supported": 2, "borne_out": 2, "cited": 2}
    return Judged(**{**plain, **counts, "asked": True, "fell_back": False, "text": "", **fields})


def test_figures_are_shares_of_what_they_say() -> None:
    """A share of the wrong whole would pass for a good reader."""
    silent = {"answered": False, "sentences": 0, "supported": 0, "borne_out": 0, "cited": 0}
    found = figures(
        [
            row(),
            row(supported=1, cited=1, fell_back=True),
            row(**silent),
            row(answerable=False, **silent),
            row(answerable=False, sentences=0, supported=0, borne_out=0, cited=0, asked=False),
        ]
    )
    assert found["answered_share"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["abstained_share"] == 0.5
    assert found["supported_share"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["cited_share"] == 1.0
    assert (found["gated_answers"], found["gated_fell_back_share"]) == (2, 0.5)
    assert found["gated_answered_share"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["gated_abstained_share"] == 1.0


def test_as_many_rows_with_an_answer_as_without_judge() -> None:
    """A reader that never answers would look good on a lopsided draw."""
    hit = Hit(chunk_id="a:0", document_id="a", text=OAK, score=1.0)
    cases = [
        Case(name=str(one), question="?", hit=hit, passages=[], answerable=one < 5)
        for one in range(40)
    ]
    found = drawn(cases, 4)
    assert sum(one.answerable for one in found) == 4
    assert len(found) == 8
    assert drawn(cases, 2) == found[:4]
