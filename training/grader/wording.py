"""Other words for the papers' questions, of which there are but few. Pure."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.grader.texts import without_examples

PARAPHRASES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "paraphrases.json").read_text(encoding="utf-8")
)
PARAPHRASED, BARE = 0.3, 0.15  # of questions: other words; without their examples


def worded(row: Mapping[str, Any], random_source: random.Random) -> str:
    """A row's question, now and then in other words or without its examples."""
    draw = random_source.random()
    others = PARAPHRASES.get(str(row["cq"]), [])
    if others and draw < PARAPHRASED:
        return random_source.choice(others)
    return without_examples(row["question"]) if draw < PARAPHRASED + BARE else str(row["question"])
