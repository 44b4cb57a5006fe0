"""Namespaces spread over a Redis Cluster, small; `make cluster` asks 5,000 questions."""

from pathlib import Path

from tests.chaos.cluster import endure, sharded


async def test_moved_slots_and_dead_masters_lose_nothing(tmp_path: Path) -> None:
    """More than one Redis would lose questions, or answer some twice."""
    said: list[str] = []
    async with sharded(tmp_path) as stack:
        outcome = await endure(stack, 600, said.append)
    assert outcome.good, (outcome, said)
