"""Fit the logistic model over the signs of an answer, on rows that the grader was not trained on.

    python -m training.grader.calibrate --rows CACHE --grader model_repository/grader/1

It writes services/generator/calibration.json: weights, bias, and the threshold at which abstaining
on the tuning papers has equal precision and recall. Only the `dev` part is looked at.
"""

import argparse
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.generator import answerability
from services.generator.answerability import (
    Calibration,
    EvidenceWeights,
    log_odds,
    probability,
)
from training.grader.examples import supporting
from training.grader.measures import abstention, auc
from training.grader.rows import Rows, load, part
from training.grader.served import graded, open_grader, supports
from training.grader.spliced import spliced_rows
from training.grader.weak import UNKNOWN

TARGET = Path(answerability.__file__).parent / "calibration.json"
SEED = 1
RIDGE = 1.0  # keeps weights small where a sign says little
STEPS = 2_000
CLAPNQ_TIMES = 3.0  # its few tuning rows, all others being of papers


def tuning_rows(rows: Rows) -> list[dict[str, Any]]:
    """What to fit on: papers that all judges agree about, short texts made of them, and CLAPNQ."""
    papers = [row for row in part(rows["papers"], "dev") if row["answerable"] in (0, 1)]
    short = list(spliced_rows(papers, random.Random(SEED)))
    return papers + short + part(rows["clapnq"], "dev")


def fit(
    signs: NDArray[np.float64], truth: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Weights [signs], none below 0, and bias: gradient descent on standardized signs.

    Args:
        signs: [rows, signs].
        truth: [rows], 0..1.
        weight: [rows], of each row's loss.
    """
    mean, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-9
    x = (signs - mean) / spread
    w, b = np.zeros(signs.shape[1]), 0.0
    total = weight.sum()
    for _ in range(STEPS):
        gap = weight * (1 / (1 + np.exp(-(x @ w + b))) - truth)
        w = np.maximum(0.0, w - 0.5 * (x.T @ gap + RIDGE * w) / total)
        b -= 0.5 * gap.sum() / total
    return w / spread, float(b - (w / spread * mean).sum())


def alike(sets: Sequence[str]) -> NDArray[np.float64]:
    """Weights of rows, by the names of their sets, with which each set counts alike."""
    counts = Counter(sets)
    return np.array([len(sets) / len(counts) / counts[name] for name in sets])


def balanced(scores: list[float], truth: list[float]) -> float:
    """The threshold at which the lesser of abstaining's precision and recall is greatest."""
    return max(sorted(set(scores)), key=lambda one: min(abstention(scores, truth, one)))


def evidence_weights(grader: Any, rows: Sequence[Mapping[str, Any]]) -> EvidenceWeights:
    """What tells evidence from its neighbours, in each set alike."""
    marked = [row for row in rows if row["answerable"] == 1 and 1 in labels_of(row)]
    seen = [
        (log_odds(support), near, label, row["set"])
        for row, supports_of in zip(marked, supports(grader, marked), strict=True)
        for support, near, label in zip(supports_of, row["near"], labels_of(row), strict=True)
        if label != UNKNOWN and not math.isnan(support)
    ]
    signs = np.array([one[:2] for one in seen])
    truth = np.array([label for *_, label, _ in seen], np.float64)
    weights, bias = fit(signs, truth, alike([name for *_, name in seen]))
    support, near = weights.round(4).tolist()
    return EvidenceWeights(support=support, near=near, bias=round(bias, 4))


def labels_of(row: Mapping[str, Any]) -> Sequence[int]:
    """Of each sentence: 1 evidence, 0 none, -1 unknown; nothing of spliced texts."""
    if row["set"] == "pubmed":
        return supporting(row["kinds"])
    marks: Sequence[int] = row["gold"] or (row["weak"] if row["set"] == "papers" else ())
    return marks


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--grader", type=Path, required=True)
    asked = parser.parse_args()
    known = load(asked.rows)
    rows = tuning_rows(known)
    grader = open_grader(asked.grader)
    found = list(graded(grader, rows))
    names = list(answerability.values(found[0]))
    signs = np.array([list(answerability.values(one).values()) for one in found])
    truth = np.array([row["answerable"] for row in rows], np.float64)
    weight = np.array([CLAPNQ_TIMES if row["set"] == "clapnq" else 1.0 for row in rows])
    weights, bias = fit(signs, truth, weight)
    fitted = Calibration(
        weights={name: round(float(one), 4) for name, one in zip(names, weights, strict=True)},
        bias=round(bias, 4),
        threshold=0.5,
        evidence=evidence_weights(grader, rows + part(known["pubmed"], "dev")),
    )
    scores = [probability(one, fitted) for one in found]
    threshold = round(balanced(scores, truth.tolist()), 3)
    written = msgspec.json.encode(msgspec.structs.replace(fitted, threshold=threshold))
    TARGET.write_bytes(msgspec.json.format(written, indent=2) + b"\n")
    print(written.decode(), f"auc on these rows {auc(scores, truth.tolist()):.3f}")


if __name__ == "__main__":
    main()
