"""The grader as a reranker: the passages that a search found, in the order of its grades."""

from collections.abc import Sequence

from benchmarks.finding.sets import Collection
from services.retriever.settings import RetrieverSettings
from shared.sentences import split
from tests.built_models import built_repository
from training.grader.served import open_grader


def graded(one: Collection, rankings: Sequence[Sequence[int]]) -> list[list[int]]:
    """Each question's first passages anew, by the probability that each answers it.

    It flatters the grader: it was trained on some of the questions of clapnq and pubmedqa.
    """
    grader = open_grader(built_repository() / "grader" / "1")
    lines = ["\n".join(split(passage)) for passage in one.passages]
    most = RetrieverSettings().rerank_candidates
    found = []
    for question, ranking in zip(one.questions, rankings, strict=True):
        read = list(ranking[:most])
        grades = grader.grades([question.text] * len(read), [lines[place] for place in read])
        order = sorted(range(len(read)), key=lambda at: -grades[at].answer)
        found.append([read[at] for at in order])
    return found
