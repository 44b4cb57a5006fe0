"""What a comparison of searches found, as a file and for people. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.finding.scores import Quality
from benchmarks.machine import Machine

OURS_DENSE, OURS_HYBRID, PEER = "ragstream dense", "ragstream hybrid", "faiss_hnsw"


class SetQuality(msgspec.Struct, frozen=True, kw_only=True):
    """What one set shows.

    Attributes:
        passages: in the set.
        questions: asked.
        ways: quality by the way of searching: ours (MODES) and the peers'.
    """

    passages: int
    questions: int
    ways: dict[str, Quality]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Closed loop: each client asks again when it has its answer."""

    clients: int
    p50_ms: float
    p99_ms: float
    per_s: float


class SizeSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """One system at one size.

    Attributes:
        system: `ragstream dense`, `ragstream hybrid`, or a peer's name.
        ef: candidates of HNSW that a search looks at.
        recall10: share of the ten true nearest among its ten; of no meaning for a hybrid search.
        load_s: until everything can be found.
        bytes_per_chunk: of a server's memory, text included; 0 where it was not looked at.
        latencies: for each of CLIENTS; with one alone where `ef` is not the default.
    """

    system: str
    load_s: float
    bytes_per_chunk: float = 0.0
    ef: int = 0
    recall10: float = 0.0
    latencies: list[Latency] = []


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The file that `--json` writes.

    Attributes:
        quick: whether it was the short form.
        ndcg10: by set and way of searching.
        recall10: of our dense search, by size.
        p50_ms: of our dense search with one client, by size.
        memory_bytes: of a chunk in our server, by size.
        p50_hybrid_ms: of our hybrid search with one client, by size.
        ratios: ours over a peer's: `p50_to_faiss_hnsw`, by size; below 1 is better.
        sets: everything about each set.
        sizes: everything about each size.
        settings: of the index.
        machine: where.
        seconds: how long it took.
    """

    quick: bool
    ndcg10: dict[str, dict[str, float]]
    recall10: dict[str, float]
    p50_ms: dict[str, float]
    p50_hybrid_ms: dict[str, float]
    memory_bytes: dict[str, float]
    ratios: dict[str, dict[str, float]]
    sets: dict[str, SetQuality]
    sizes: dict[str, list[SizeSpeed]]
    settings: dict[str, str]
    machine: Machine
    seconds: float


def conclude(
    sets: Mapping[str, SetQuality],
    sizes: Mapping[str, Sequence[SizeSpeed]],
    *,
    quick: bool,
    settings: dict[str, str],
    machine: Machine,
    seconds: float,
) -> Results:
    """Everything that the file says; sizes that are not done yet only by their rows."""
    whole = {size: rows for size, rows in sizes.items() if any(r.system == PEER for r in rows)}
    dense = {size: p50_ms(rows, OURS_DENSE) for size, rows in whole.items()}
    return Results(
        quick=quick,
        ndcg10={
            name: {way: one.ndcg10 for way, one in found.ways.items()}
            for name, found in sets.items()
        },
        recall10={size: row(rows, OURS_DENSE).recall10 for size, rows in whole.items()},
        p50_ms=dense,
        p50_hybrid_ms={size: p50_ms(rows, OURS_HYBRID) for size, rows in whole.items()},
        memory_bytes={size: row(rows, OURS_DENSE).bytes_per_chunk for size, rows in whole.items()},
        ratios={
            "p50_to_faiss_hnsw": {
                size: dense[size] / p50_ms(rows, PEER) for size, rows in whole.items()
            }
        },
        sets=dict(sets),
        sizes={size: list(rows) for size, rows in sizes.items()},
        settings=settings,
        machine=machine,
        seconds=seconds,
    )


def p50_ms(rows: Sequence[SizeSpeed], system: str) -> float:
    """What half of a system's searches took at most, with one client."""
    return next(one.p50_ms for one in row(rows, system).latencies if one.clients == 1)


def row(rows: Sequence[SizeSpeed], system: str) -> SizeSpeed:
    """A system's row with the default number of candidates: the first one."""
    return next(one for one in rows if one.system == system)


def quality_table(sets: Mapping[str, SetQuality]) -> str:
    """How well each way finds, for people."""
    lines = ["set        way                  nDCG@10  recall@5    MRR"]
    for name, found in sets.items():
        lines += [_quality_line(name, way, one) for way, one in found.ways.items()]
    return "\n".join(lines)


def _quality_line(name: str, way: str, one: Quality) -> str:
    return f"{name:9}  {way:19}  {one.ndcg10:7.4f}  {one.recall5:8.4f}  {one.mrr:5.3f}"


def speed_line(chunks: int, found: SizeSpeed) -> str:
    """A row of the table, for people."""
    times = "  ".join(
        f"{one.clients}: {one.p50_ms:.2f} / {one.p99_ms:.2f} ms, {one.per_s:.0f}/s"
        for one in found.latencies
    )
    return (
        f"{chunks:>9,}  {found.system:16}  ef {found.ef:3}  recall@10 {found.recall10:.4f}  "
        f"{times}  loaded in {found.load_s:.0f} s, {found.bytes_per_chunk:,.0f} bytes a chunk"
    )
