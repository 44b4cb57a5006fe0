"""The file of the retrieval benchmark."""

from benchmarks.finding.results import Latency, SetQuality, SizeSpeed, conclude, quality_table
from benchmarks.finding.scores import Quality, neighbours_found
from benchmarks.machine import Machine

HERE = Machine(cpu="c", cores=2, memory_bytes=1, system="s", versions={})


def speed(system: str, p50_ms: float) -> SizeSpeed:
    latencies = [
        Latency(clients=clients, p50_ms=p50_ms * clients, p99_ms=0.0, per_s=0.0)
        for clients in (8, 1)
    ]
    return SizeSpeed(system=system, recall10=0.99, load_s=1.0, latencies=latencies)


def test_goals_are_read_from_the_right_rows() -> None:
    """The goals would be judged by a hybrid search, by many clients, or upside down."""
    quality = SetQuality(
        passages=1, questions=1, ways={"hybrid": Quality(ndcg10=0.9, recall5=1.0, mrr=0.8)}
    )
    rows = [speed("ragstream dense", 4), speed("ragstream hybrid", 9), speed("faiss_hnsw", 2)]
    found = conclude(
        {"set": quality}, {"10": rows}, quick=True, settings={}, machine=HERE, seconds=1.0
    )
    assert found.ndcg10 == {"set": {"hybrid": 0.9}}
    assert found.p50_ms == {"10": 4}
    assert found.p50_hybrid_ms == {"10": 9}
    assert found.recall10 == {"10": 0.99}
    assert found.ratios == {"p50_to_faiss_hnsw": {"10": 2}}
    assert "hybrid" in quality_table(found.sets)


def test_a_size_that_is_half_done_is_kept() -> None:
    """An hour's load would be lost when the peers fail."""
    sizes = {"10": [speed("ragstream dense", 4)]}
    found = conclude({}, sizes, quick=True, settings={}, machine=HERE, seconds=1.0)
    assert found.sizes == sizes
    assert found.p50_ms == {}


def test_recall_is_of_the_true_neighbours() -> None:
    """Neighbours that are none would count."""
    assert neighbours_found([[1, 2], [3, 9]], [[1, 2], [3, 4]]) == 3 / 4
