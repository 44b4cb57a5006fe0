"""Four real prompts of the pipeline that the `stuff` profile stands for.

They quote published papers, so they are no part of this project: SEEDS_JSONL names their file,
one JSON object a line with `id`, `question`, `context` and `prompt`. What can be said of them
without quoting is here, and tests that need the texts skip without the file.
"""

import hashlib
import json
import os
from pathlib import Path

import pytest

VARIABLE = "SEEDS_JSONL"
KNOWN: dict[str, dict[str, str | int]] = json.loads(
    (Path(__file__).parent / "data" / "seeds.json").read_text("utf-8")
)


def digest(text: str) -> str:
    """Tell a text from every other without quoting it."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_ids(ids: list[int]) -> str:
    """The same of token ids, which spell out their text."""
    return digest(",".join(map(str, ids)))


def seed(name: str) -> dict[str, str]:
    """One of the four; skips the test where their file is not at hand."""
    if not (path := os.environ.get(VARIABLE)):
        pytest.skip(f"{VARIABLE} does not name the file of the four prompts")
    rows = map(json.loads, Path(path).read_text("utf-8").splitlines())
    found: dict[str, str] = next(row for row in rows if row["id"] == name)
    assert digest(found["prompt"]) == KNOWN[name]["prompt_sha256"], "another prompt of this id"
    return found
