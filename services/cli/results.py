"""What a run found, as rows, and as a file: csv, jsonl or parquet. All but the import is pure."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from services.cli.runs import Cell, Run
from shared.errors import RunError
from shared.messages import Answer, Citation, ErrorInfo, Evidence, StageTiming, Status

# A spreadsheet takes text that begins so for a formula, and documents are not to be trusted.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NO_ERROR: Final = ErrorInfo(code="", message="")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One question to one document, and what came of it.

    Attributes:
        document_id: "" where the whole collection was asked.
        queue_ms: time that it waited, all stages together; `work_ms` likewise worked on.
        citations, evidence, timings_ms, models, attempt: as in Answer.
    """

    question_id: str
    question: str
    document_id: str
    title: str
    status: Status
    text: str
    support: float
    extracted: bool
    citations: tuple[Citation, ...]
    evidence: tuple[Evidence, ...]
    queue_ms: float
    work_ms: float
    timings_ms: dict[str, StageTiming]
    models: dict[str, str]
    attempt: int
    error_code: str
    error: str
    query_id: str


Encode = Callable[[Sequence[Row]], Iterable[bytes]]


def rows(run: Run) -> list[Row]:
    """A row for each cell that has its Answer, document by document."""
    found = ((cell, run.answers.get(cell.key)) for cell in run.cells())
    return [_row(cell, answer) for cell, answer in found if answer]


def _row(cell: Cell, answer: Answer) -> Row:
    document, timings = cell.document, answer.timings_ms.values()
    error = answer.error or _NO_ERROR
    return Row(
        question_id=cell.question.id,
        question=cell.question.text,
        document_id=document.id if document else "",
        title=document.title if document else "",
        status=answer.status,
        text=answer.text,
        support=answer.support,
        extracted=answer.extracted,
        citations=answer.citations,
        evidence=answer.evidence,
        queue_ms=round(sum(timing.queue for timing in timings), 1),
        work_ms=round(sum(timing.work for timing in timings), 1),
        timings_ms=answer.timings_ms,
        models=answer.models,
        attempt=answer.attempt,
        error_code=error.code,
        error=error.message,
        query_id=answer.query_id,
    )


def encoder(out: Path) -> Encode:
    """What writes rows into such a file; the ending of its name tells which.

    Raises:
        RunError: no such format, or what it needs is not installed.
    """
    encode = _ENCODERS.get(out.suffix.lower())
    if encode is None:
        raise RunError(f"{out}: answers go to a file that ends in {', '.join(_ENCODERS)}")
    if encode is _parquet:
        _pyarrow()  # now, and not after hours of answering
    return encode


def table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    """A csv file. Text that a spreadsheet would take for a formula gets a ' before it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([_plain(value) for value in line] for line in lines)
    return text.getvalue().encode()


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv(found: Sequence[Row]) -> Iterator[bytes]:
    head = [name for name in Row.__struct_fields__ if name not in ("evidence", "timings_ms")]
    yield table(head, ([_cell(getattr(row, name)) for name in head] for row in found))


def _cell(value: object) -> object:
    match value:
        case tuple():
            return "\n".join(quoted(citation) for citation in value)
        case dict():
            return " ".join(f"{name}={one}" for name, one in value.items())
        case _:
            return value


def quoted(citation: Citation) -> str:
    """A citation in one line: marker, place and quote."""
    page = f" p. {citation.page}" if citation.page is not None else ""
    quote = " ".join(citation.quote.split())
    return f'[{citation.marker}] {citation.document_id}{page}: "{quote}"'


def _jsonl(found: Sequence[Row]) -> Iterator[bytes]:
    for row in found:
        yield msgspec.json.encode(row) + b"\n"


def _parquet(found: Sequence[Row]) -> Iterator[bytes]:
    """Rows with the types of `Row`; an empty file has them, too."""
    arrow = _pyarrow()
    import pyarrow.parquet  # noqa: PLC0415 - an extra; see `_pyarrow`

    columns = [msgspec.to_builtins(row) for row in found]
    for column in columns:  # a map wants pairs
        column["models"] = list(column["models"].items())
        column["timings_ms"] = list(column["timings_ms"].items())
    file = io.BytesIO()
    whole = arrow.Table.from_pylist(columns, schema=_schema(arrow))
    pyarrow.parquet.write_table(whole, file)
    yield file.getvalue()


def _schema(arrow: Any) -> Any:
    text, whole, real = arrow.string(), arrow.int32(), arrow.float64()
    citation = {
        "marker": whole, "document_id": text, "title": text, "page": whole,
        "section": text, "chunk_id": text, "quote": text,
    }  # fmt: skip
    evidence = {
        "sentence": text, "document_id": text, "chunk_id": text, "page": whole, "score": real,
    }  # fmt: skip
    timing = arrow.struct({"queue": real, "work": real})
    types = {
        "support": real, "extracted": arrow.bool_(), "queue_ms": real, "work_ms": real,
        "citations": arrow.list_(arrow.struct(citation)),
        "evidence": arrow.list_(arrow.struct(evidence)),
        "timings_ms": arrow.map_(text, timing), "models": arrow.map_(text, text),
        "attempt": whole,
    }  # fmt: skip
    return arrow.schema([(name, types.get(name, text)) for name in Row.__struct_fields__])


def _pyarrow() -> Any:
    try:
        import pyarrow  # noqa: ICN001, PLC0415 - an extra that only parquet needs
    except ModuleNotFoundError:
        raise RunError(
            "parquet needs pyarrow: pip install 'ragstream[parquet]', or pyarrow alone; "
            "csv and jsonl need nothing"
        ) from None
    return pyarrow


_ENCODERS: Final[Mapping[str, Encode]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
