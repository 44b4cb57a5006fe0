"""From the data sets to packs, once.

    python -m training.reader.prepare --data DATA --rows GRADER_ROWS --out CACHE

GRADER_ROWS is what `training.grader.prepare` wrote: its split holds here, too, so that what judges
the grader judges the reader.
"""

import argparse
import gzip
import json
import random
from pathlib import Path

import msgspec

from training.grader.rows import load
from training.reader.packs import Pack
from training.reader.papers import paper_packs
from training.reader.public import clapnq_packs, pubmed_packs

SEED = 9


def contexts(data: Path) -> dict[str, str]:
    """The papers' contexts as PDF text, by the ids of the grader's rows."""
    with gzip.open(data / "papers_qa" / "papers_qa.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = map(json.loads, lines)
        return {f"{row['paper']}:{row['cq']}": row["context"] for row in rows}


def write(path: Path, packs: list[Pack]) -> None:
    """Write packs, one a line."""
    path.write_bytes(b"".join(msgspec.json.encode(pack) + b"\n" for pack in packs))


def read(path: Path) -> list[Pack]:
    """What `write` wrote."""
    decoder = msgspec.json.Decoder(Pack)
    return [decoder.decode(line) for line in path.read_bytes().splitlines()]


def main() -> None:
    """Prepare the packs to train on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = load(asked.rows)
    rng = random.Random(SEED)
    made = {
        "papers": list(paper_packs(rows["papers"], contexts(asked.data), rng)),
        "clapnq": list(clapnq_packs(rows["clapnq"], rng)),
        "pubmed": list(pubmed_packs(rows["pubmed"], rng)),
    }
    for name, packs in made.items():
        write(asked.out / f"{name}.jsonl", packs)
        questions = [one for pack in packs for one in pack.asked]
        known = sum(one.answer != "I don't know." for one in questions)
        print(name, len(packs), "packs", len(questions), "questions", known, "answered", flush=True)


if __name__ == "__main__":
    main()
