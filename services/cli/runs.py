"""A run of a question set: its cells, their query ids, and what its journal says of them. Pure."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from services.cli.question_sets import Question
from shared.bulk import Position
from shared.messages import Answer, Profile, Query

GOOD: Final = ("answered", "abstained")
_DIGITS: Final = 24  # 96 bits: a million questions share one by chance once in 10^17 runs


class DocumentName(msgspec.Struct, frozen=True, kw_only=True):
    """A document as a run knows it."""

    id: str
    title: str = ""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What must be the same each time that a run is begun: answers depend on it.

    Attributes:
        collection: where to look.
        per_document: each question is asked of each document, not of the collection.
        profile: as in Query, and `top_k` and `max_tokens` likewise.
    """

    collection: str = "default"
    per_document: bool = False
    profile: Profile = "cited"
    top_k: int | None = None
    max_tokens: int | None = None


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag="begun"):
    """The first line of a journal. `position` is from before the first question was asked."""

    run: str
    asking: Asking
    position: Position


class Planned(msgspec.Struct, frozen=True, kw_only=True, tag="planned"):
    """What is asked; the last such line counts. Without documents: the whole collection."""

    questions: tuple[Question, ...]
    documents: tuple[DocumentName, ...] = ()


class Again(msgspec.Struct, frozen=True, kw_only=True, tag="again"):
    """These cells are asked once more, in a new round, and answers are read on from here."""

    round: int
    keys: tuple[str, ...]
    position: Position


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag="answered"):
    """An Answer, and the entry that it came in."""

    key: str
    round: int
    entry_id: str
    answer: Answer


Line = Begun | Planned | Again | Answered


@dataclass(frozen=True, slots=True)
class Cell:
    """One question to one document, or to the whole collection."""

    question: Question
    document: DocumentName | None

    @property
    def key(self) -> str:
        """The same for the same words and document, each time."""
        words = (self.question.text, self.document.id if self.document else "")
        return hashlib.sha256(msgspec.json.encode(words)).hexdigest()[:_DIGITS]


@dataclass(slots=True)
class Run:
    """A run as its journal tells it.

    Attributes:
        begun: its first line.
        planned: what is asked.
        position: how far answers were read.
        answers: the best Answer of each cell that has one, by its key.
        rounds: the round of each cell that was asked more than once.
        waiting: keys that are asked again and have no Answer of that round.
    """

    begun: Begun
    planned: Planned
    position: Position
    answers: dict[str, Answer] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "Run | None":
        """The run that these lines tell of; None where they do not begin with its beginning."""
        told = iter(lines)
        first = next(told, None)
        if not isinstance(first, Begun):
            return None
        run = cls(first, Planned(questions=()), first.position)
        for line in told:
            run.add(line)
        return run

    def add(self, line: Line) -> None:
        """Take in one more line."""
        match line:
            case Planned():
                self.planned = line
            case Again(round=number, keys=keys, position=position):
                self.rounds.update(dict.fromkeys(keys, number))
                self.waiting.update(keys)
                self.position = position
            case Answered():
                self._answered(line)

    def _answered(self, line: Answered) -> None:
        """A later Answer counts for more, but no failure for more than an answer."""
        known, good = self.answers.get(line.key), line.answer.status in GOOD
        if known is None or good or known.status not in GOOD:
            self.answers[line.key] = line.answer
        if good or line.round >= self.rounds.get(line.key, 0):
            self.waiting.discard(line.key)
        self.position = Position(line.entry_id, int(line.entry_id.partition("-")[0]))

    @property
    def id(self) -> str:
        """Its name, unique."""
        return self.begun.run

    def cells(self) -> Iterator[Cell]:
        """All that is asked, document by document."""
        for document in self.planned.documents or (None,):
            for question in self.planned.questions:
                yield Cell(question, document)

    def pending(self) -> list[Cell]:
        """What has no Answer yet."""
        return [
            cell
            for cell in self.cells()
            if cell.key in self.waiting or cell.key not in self.answers
        ]

    def failed(self) -> list[Cell]:
        """What has an Answer that is none: failed, expired or cancelled."""
        answers = ((cell, self.answers.get(cell.key)) for cell in self.cells())
        return [cell for cell, answer in answers if answer and answer.status not in GOOD]

    def query(self, cell: Cell) -> Query:
        """The question as it is published; its id tells run, cell and round."""
        asking = self.begun.asking
        return Query(
            id=f"{self.id}.{cell.key}.{self.rounds.get(cell.key, 0)}",
            question=cell.question.text,
            collection=asking.collection,
            document_ids=(cell.document.id,) if cell.document else (),
            top_k=asking.top_k,
            max_tokens=asking.max_tokens,
            profile=asking.profile,
            priority="bulk",
        )

    def answered(self, entry_id: str, answer: Answer) -> Answered | None:
        """The line for an Answer; None where it is not one of this run's."""
        run, _, rest = answer.query_id.partition(".")
        key, _, number = rest.partition(".")
        if run != self.id or not number.isdecimal():
            return None
        return Answered(key=key, round=int(number), entry_id=entry_id, answer=answer)

    def again(self, cells: Iterable[Cell], position: Position) -> Again:
        """The line that has these cells asked once more, under new ids."""
        return Again(
            round=max(self.rounds.values(), default=0) + 1,
            keys=tuple(cell.key for cell in cells),
            position=position,
        )
