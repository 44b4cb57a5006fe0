"""The prepared rows, and which of them a part may see."""

import json
from pathlib import Path
from typing import Any

from training.grader.split import Part

Rows = dict[str, list[dict[str, Any]]]
SETS = ("clapnq", "pubmed", "papers")


def load(folder: Path) -> Rows:
    """All rows that `prepare` wrote."""
    return {
        name: [json.loads(line) for line in (folder / f"{name}.jsonl").open(encoding="utf-8")]
        for name in SETS
    }


def part(rows: list[dict[str, Any]], name: Part, *, held_out: bool = False) -> list[dict[str, Any]]:
    """The rows of a part; of questions that are trained on unless `held_out`."""
    return [row for row in rows if row["part"] == name and row.get("held_out", False) is held_out]
