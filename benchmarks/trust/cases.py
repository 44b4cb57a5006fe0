"""Questions with a text that answers them or not, from public data or from a file of one's own."""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.generator.evidence import Sentence, sentences
from shared.errors import SetupError
from shared.messages import Hit
from training.grader import split
from training.grader.texts import detokenized, unwrapped

ALL = 5  # judges of papers_qa


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question and a text.

    Attributes:
        name: of the case in its set.
        question: as asked.
        hit: the text as a passage.
        passages: its sentences.
        answerable: whether the text holds the answer.
        gold: places of the sentences that do, where somebody marked them.
    """

    name: str
    question: str
    hit: Hit
    passages: Sequence[Sentence]
    answerable: bool
    gold: frozenset[int] = frozenset()


def clapnq(data: Path) -> Iterator[Case]:
    """The half of CLAPNQ that the grader was never trained on."""
    for name in ("answerable", "unanswerable"):
        path = data / "clapnq" / f"clapnq_dev_{name}.jsonl"
        for line in _lines(path):
            row = json.loads(line)
            if split.clapnq_part(row["id"]) == "test":
                texts = [detokenized(one) for one in row["passages"][0]["sentences"]]
                gold = {one for out in row["output"] for one in out["selected_sentences"]}
                yield Case(
                    name=row["id"],
                    question=row["input"],
                    hit=_hit(row["id"], " ".join(texts)),
                    passages=[Sentence(text, 1) for text in texts],
                    answerable=name == "answerable",
                    gold=frozenset(
                        place
                        for place, one in enumerate(row["passages"][0]["sentences"])
                        if one in gold
                    ),
                )


def papers(data: Path) -> Iterator[Case]:
    """Papers never trained on, where five judges agree whether the question is answered."""
    path = data / "papers_qa" / "papers_qa.jsonl.gz"
    if not path.is_file():
        raise SetupError(f"{path} is missing: --data names the folder of the public sets")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        if split.paper_part(row["paper"]) == "test" and row["yes_votes"] in (0, ALL):
            yield _plain(f"{row['paper']}:{row['cq']}", row, answerable=row["yes_votes"] == ALL)


def own(path: Path) -> Iterator[Case]:
    """Cases of one's own: a line each, JSON with `question`, `context` and `answerable`."""
    for number, line in enumerate(_lines(path), 1):
        try:
            row = json.loads(line)
            yield _plain(str(row.get("id", number)), row, answerable=bool(row["answerable"]))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise SetupError(
                f"{path}, line {number}: want JSON with question, context, answerable: {exc!r}"
            ) from exc


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as exc:
        raise SetupError(f"{path}: {exc.strerror}") from exc


def _plain(name: str, row: dict[str, str], *, answerable: bool) -> Case:
    hit = _hit(name, unwrapped(row["context"]))
    return Case(
        name=name,
        question=row["question"].strip(),
        hit=hit,
        passages=sentences([hit]),
        answerable=answerable,
    )


def _hit(name: str, text: str) -> Hit:
    tokens = len(text.split()) * 4 // 3
    return Hit(chunk_id=f"{name}:0", document_id=name, text=text, tokens=tokens, score=1.0)
