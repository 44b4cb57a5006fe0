"""Judge the grader as it is served, on what neither training nor calibration has seen.

python -m training.grader.evaluate --rows CACHE --grader model_repository/grader/1 --json FILE
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.generator import answerability
from services.generator.answerability import calibration, probability
from training.grader.measures import abstention, auc, calibration_error, hits
from training.grader.rows import Rows, load, part
from training.grader.served import (
    REPOSITORY,
    graded,
    open_embedder,
    open_grader,
    supports,
    with_similarities,
)
from training.grader.texts import sentences

Row = dict[str, Any]
Seen = Sequence[tuple[float, float]]
"""Of each row: probability by all signs, and by the grader alone."""


def judging(rows: Rows) -> dict[str, list[Row]]:
    """The rows that judge. Of questions never trained on, the papers that tune may judge, too."""
    sure = [row for row in rows["papers"] if row["answerable"] in (0, 1)]
    return {
        "papers": part(sure, "test"),
        "questions": part(sure, "test", held_out=True) + part(sure, "dev", held_out=True),
        "clapnq": part(rows["clapnq"], "test"),
    }


def seen_by(grader: Any, rows: Sequence[Row]) -> Seen:
    """What the grader makes of rows."""
    return [(probability(signs), signs.answer) for signs in graded(grader, rows)]


def figures_of(rows: Sequence[Row], seen: Seen) -> dict[str, float]:
    """Answerability on one set of rows."""
    truth = [row["answerable"] for row in rows]
    scores = [one for one, _ in seen]
    precision, recall = abstention(scores, truth, calibration().threshold)
    return {
        "rows": len(rows),
        "answerable": sum(truth),
        "auc": auc(scores, truth),
        "auc_grader_alone": auc([one for _, one in seen], truth),
        "auc_similarity_alone": auc([max(row["near"]) for row in rows], truth),
        "abstention_precision": precision,
        "abstention_recall": recall,
        "calibration_error": calibration_error(scores, truth),
    }


def evidence(grader: Any, rows: Sequence[Row]) -> dict[str, float]:
    """Whether the best supported sentences are gold ones, in three ways of telling."""
    rows = [row for row in rows if row["answerable"] == 1 and any(row["gold"])]
    support = supports(grader, rows)
    near = [row["near"] for row in rows]
    ways = {
        "": [list(map(answerability.evidence, *pair)) for pair in zip(support, near, strict=True)],
        "_grader_alone": [[0.0 if math.isnan(one) else one for one in row] for row in support],
        "_similarity_alone": near,
    }
    return {
        f"hit_at_{most}{way}": hits(scores, rows, most)
        for way, scores in ways.items()
        for most in (1, 3)
    }


def cases(path: Path, grader: Any, embedder: Any) -> dict[str, float]:
    """Print what becomes of single cases (jsonl: question, context, answerable), and count."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["sentences"] = sentences(row["context"])
    with_similarities(rows, embedder)
    right = 0
    for row, (score, alone) in zip(rows, seen_by(grader, rows), strict=True):
        fits = (score >= calibration().threshold) == row["answerable"]
        right += fits
        mark = "" if fits else "  <- wrong"
        print(
            f"{row['id']} {score:.2f} {alone:.2f} {row['answerable']!s:5} {row['question']}{mark}"
        )
    return {"cases": len(rows), "right": right}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, help="as `prepare` wrote them")
    parser.add_argument("--grader", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cases", type=Path, help="judge these instead")
    parser.add_argument("--embedder", type=Path, default=REPOSITORY / "embedder" / "1")
    asked = parser.parse_args()
    grader = open_grader(asked.grader)
    if asked.cases:
        print(cases(asked.cases, grader, open_embedder(asked.embedder)))
        return
    sets = judging(load(asked.rows))
    seen = {name: seen_by(grader, rows) for name, rows in sets.items()}
    found = {name: figures_of(sets[name], seen[name]) for name in sets}
    found["evidence"] = evidence(grader, sets["clapnq"])
    rounded = {k: {n: round(v, 4) for n, v in figures.items()} for k, figures in found.items()}
    print(json.dumps(rounded, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(rounded, indent=2) + "\n")


if __name__ == "__main__":
    main()
