"""Fifty damaged files, each read by the real reading processes."""

import asyncio

import pytest

from services.ingestor.jobs import Reading
from services.ingestor.sandbox import Limits, Sandbox
from shared.errors import UnreadableDocument
from tests.damaged import documents

SEED = 7
LIMITS = Limits(timeout_s=15, memory_bytes=2**30, cpu_s=15, reply_bytes=50 * 2**20)


@pytest.fixture(scope="module")
def damaged() -> list[tuple[str, str, bytes]]:
    return list(documents(SEED))


async def read_all(files: list[tuple[str, str, bytes]]) -> list[Reading | UnreadableDocument]:
    """Read all files, two at a time, and a sound one behind them by the same processes."""

    async def read(box: Sandbox, name: str, data: bytes) -> Reading | UnreadableDocument:
        try:
            return await box.read(name, data)
        except UnreadableDocument as exc:
            return exc

    async with Sandbox(LIMITS, 2) as box:
        found = await asyncio.gather(*(read(box, name, data) for _, name, data in files))
        sound = await box.read("sound.txt", b"Oaks grow tall.")
        assert [unit.text for unit in sound.units] == ["Oaks grow tall."]
    return list(found)


async def test_fifty_damaged_files_end_in_an_error_or_in_text(
    damaged: list[tuple[str, str, bytes]],
) -> None:
    """One bad file among three hundred would stop the worker, or end in a document of nothing."""
    assert len(damaged) == 50
    for (what, name, _), outcome in zip(damaged, await read_all(damaged), strict=True):
        if isinstance(outcome, UnreadableDocument):
            assert name in str(outcome), what
            assert outcome.code, what
        else:
            assert any(unit.text for unit in outcome.units) or outcome.missing, (what, name)


def test_the_same_seed_gives_the_same_files(damaged: list[tuple[str, str, bytes]]) -> None:
    """A failure could not be looked at again."""
    assert list(documents(SEED)) == damaged
