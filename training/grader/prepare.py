"""From the data sets to rows of (question, sentences, similarities, labels), once.

    python -m training.grader.prepare --data DATA --embedder model_repository/embedder/1 --out CACHE

The similarities are the product's own embedder's, so that what is trained on is chosen as what is
served.
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.grader import split
from training.grader.rows import load
from training.grader.served import open_embedder, with_similarities
from training.grader.strangers import with_strangers
from training.grader.texts import CONCLUSION, detokenized, sentences
from training.grader.weak import weak_gold

Row = dict[str, Any]
SPLIT = Path(__file__).parent / "split.json"
STRANGERS = 4  # passages of other CLAPNQ questions kept beside each: those nearest to it


def papers(data: Path) -> Iterator[Row]:
    """papers_qa: a row a question and paper, with the votes of five large models."""
    with gzip.open(data / "papers_qa" / "papers_qa.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            asked, context = row["question"].strip(), sentences(row["context"])
            yield {
                "set": "papers",
                "id": f"{row['paper']}:{row['cq']}",
                "group": row["paper"],
                "part": split.paper_part(row["paper"]),
                "cq": row["cq"],
                "held_out": row["cq"] in split.HELD_OUT_QUESTIONS,
                "question": asked,
                "sentences": context,
                "answerable": row["yes_votes"] / 5,
                "gold": None,
                "weak": weak_gold(asked, row["answer"] or "", context),
            }


def clapnq(data: Path) -> Iterator[Row]:
    """CLAPNQ: a Wikipedia passage in sentences, those that answer the question marked."""
    for name in ("answerable", "unanswerable"):
        path = data / "clapnq" / f"clapnq_dev_{name}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            passage = row["passages"][0]["sentences"]
            gold = {one for out in row["output"] for one in out["selected_sentences"]}
            yield {
                "set": "clapnq",
                "id": row["id"],
                "group": row["id"],
                "part": split.clapnq_part(row["id"]),
                "question": row["input"],
                "sentences": [detokenized(one) for one in passage],
                "answerable": float(name == "answerable"),
                "gold": [int(one in gold) for one in passage],
                "answers": [detokenized(out["answer"]) for out in row["output"] if out["answer"]],
            }


def pubmed(data: Path) -> Iterator[Row]:
    """PubMedQA: an abstract's sections and its conclusion, which answers the question."""
    rows = json.loads((data / "pubmedqa" / "ori_pqal.json").read_text(encoding="utf-8"))
    for identity, row in rows.items():
        texts = [*row["CONTEXTS"], row["LONG_ANSWER"]]
        sections = [sentences(text) for text in texts]
        labels = [*row["LABELS"], CONCLUSION]
        kinds = [kind for kind, section in zip(labels, sections, strict=True) for _ in section]
        yield {
            "set": "pubmed",
            "id": identity,
            "group": identity,
            "part": split.pubmed_part(identity),
            "question": row["QUESTION"],
            "sentences": [one for section in sections for one in section],
            "kinds": kinds,
            "answerable": 1.0,
            "gold": None,
        }


def write(path: Path, rows: list[Row]) -> None:
    """Write rows, one a line."""
    with path.with_suffix(".part").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    path.with_suffix(".part").replace(path)


def write_split(rows: dict[str, list[Row]]) -> None:
    """Keep who was trained on, who tuned, and who judges."""
    parts = {
        name: {
            part: sorted({split.written(row["group"]) for row in of if row["part"] == part})
            for part in ("train", "dev", "test")
        }
        for name, of in rows.items()
    }
    found = {"seed": split.SEED, "held_out_questions": sorted(split.HELD_OUT_QUESTIONS), **parts}
    SPLIT.write_text(json.dumps(found, indent=1) + "\n")


def main() -> None:
    """Prepare each set that is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    embedder = open_embedder(asked.embedder)
    for name, read in (("clapnq", clapnq), ("papers", papers), ("pubmed", pubmed)):
        path = asked.out / f"{name}.jsonl"
        if path.exists():
            continue
        rows = [row for row in read(asked.data) if row["sentences"]]
        with_similarities(rows, embedder)
        if name == "clapnq":
            with_strangers(rows, embedder, STRANGERS)
        write(path, rows)
        print(name, len(rows), flush=True)
    write_split(load(asked.out))


if __name__ == "__main__":
    main()
