"""Reading processes: what a document can do to its own, and what it cannot do to anything else."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.ingestor.sandbox import Limits, Sandbox
from services.ingestor.settings import IngestorSettings
from shared.errors import DamagedDocument, ReadLimitExceeded, SetupError

MB = 2**20


@asynccontextmanager
async def sandbox(
    count: int = 1, *, timeout_s: float = 20, cpu_s: int = 20, module: str = "tests.hostile_reader"
) -> AsyncIterator[Sandbox]:
    limits = Limits(timeout_s=timeout_s, memory_bytes=512 * MB, cpu_s=cpu_s, reply_bytes=MB)
    async with Sandbox(limits, count, module) as box:
        yield box


async def text(box: Sandbox, order: str) -> str:
    return " ".join(unit.text for unit in (await box.read("x.txt", order.encode())).units)


async def pid(box: Sandbox) -> int:
    return int(await text(box, "pid"))


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("crash", "SIGSEGV"),
        ("exit", "status 3"),
        ("eat 2000000000", "READ_MEMORY_MB"),
        ("long 200000", "at most 1,048,576"),
        ("garbage", "what no reader says"),
        ("endless", "at most 1,048,576"),
    ],
)
async def test_a_document_that_breaks_a_limit_fails_alone(order: str, said: str) -> None:
    """One bad document would stop the ingestion of all others."""
    async with sandbox() as box:
        for _ in range(2):
            with pytest.raises(ReadLimitExceeded, match=said) as caught:
                await text(box, order)
            assert caught.value.code == "read_limit"
            assert await text(box, "hello") == "done"


@pytest.mark.parametrize("order", ["sleep", "spin"])
async def test_a_document_without_end_is_given_up(order: str) -> None:
    """A parser's endless loop would hold a worker for ever."""
    async with sandbox(timeout_s=1) as box:
        before = await pid(box)
        with pytest.raises(ReadLimitExceeded, match="within 1 s"):
            await text(box, order)
        assert not is_running(before)
        assert await pid(box) != before


async def test_cpu_time_ends_what_nobody_watches() -> None:
    """The child of a frozen worker would use a core for ever."""
    async with sandbox(cpu_s=1) as box:
        with pytest.raises(ReadLimitExceeded, match="CPU time"):
            await text(box, "spin")


async def test_a_child_reads_many_documents() -> None:
    """Every document would wait for the start of a process, a second long."""
    async with sandbox() as box:
        assert len({await pid(box) for _ in range(20)}) == 1


async def test_what_one_document_leaves_is_not_the_next_ones_fault() -> None:
    """A harmless document would fail for memory that another one has taken."""
    async with sandbox() as box:
        first = await pid(box)
        await text(box, f"keep {300 * MB}")
        assert await text(box, f"eat {300 * MB}") == "done"
        assert await pid(box) != first


async def test_children_read_beside_each_other() -> None:
    """One slow document would hold up all that could be read meanwhile."""
    async with sandbox(2) as box:
        slow = asyncio.create_task(text(box, "sleep"))
        assert await text(box, "hello") == "done"
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


async def test_no_more_children_than_allowed() -> None:
    """A burst of documents would start as many processes and take all memory."""
    async with sandbox(2) as box:
        assert len(set(await asyncio.gather(*(pid(box) for _ in range(10))))) <= 2


async def test_a_cancelled_call_kills_its_child() -> None:
    """A worker that stops would leave its children behind."""
    async with sandbox() as box:
        child = await pid(box)
        call = asyncio.create_task(text(box, "sleep"))
        await asyncio.sleep(0)
        assert is_running(child)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not is_running(child)
        assert await text(box, "hello") == "done"


async def test_no_child_outlives_the_pool() -> None:
    """Every restart of a worker would leave a process behind."""
    async with sandbox() as box:
        child = await pid(box)
    assert not is_running(child)


async def test_a_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that takes its reader over would read Redis's password."""
    monkeypatch.setenv("RAGSTREAM_REDIS_PASSWORD", "hush")
    async with sandbox() as box:
        known = json.loads(await text(box, "environ"))
    assert not [name for name in known if name.startswith("RAGSTREAM_")]
    assert "hush" not in known.values()


async def test_a_child_writes_no_file(tmp_path: Path) -> None:
    """A document could fill the disk, or leave a program behind."""
    async with sandbox() as box:
        with pytest.raises(DamagedDocument, match="too large"):
            await text(box, f"write {tmp_path / 'file'}")
    assert not (tmp_path / "file").exists() or not (tmp_path / "file").stat().st_size


async def test_what_a_parser_prints_is_not_taken_for_its_answer() -> None:
    """A library's warning would garble the answer, or stand in the log as no JSON."""
    async with sandbox() as box:
        assert await text(box, "print") == "done"
        assert await text(box, "hello") == "done"


async def test_an_installation_that_cannot_read_says_so() -> None:
    """Every document would fail for what an operator has to mend."""
    with pytest.raises(SetupError, match="No module named"):
        async with sandbox(module="tests.no_such_module"):
            pass


async def test_the_real_reader_gives_sentences_and_refusals() -> None:
    """The fakes of these tests would hide that nothing can be read."""
    async with sandbox(module="services.ingestor.child") as box:
        reading = await box.read("oaks.txt", b"Oaks grow. Ashes too.")
        assert [unit.text for unit in reading.units] == ["Oaks grow.", "Ashes too."]
        assert reading.title == "oaks"
        with pytest.raises(DamagedDocument, match="named as a PDF"):
            await box.read("x.pdf", b"no PDF")


async def test_many_documents_cost_little() -> None:
    """Reading apart would make ingestion several times slower."""
    async with sandbox(module="services.ingestor.child") as box:
        begun = time.monotonic()
        for _ in range(50):
            await box.read("oaks.txt", b"Oaks grow.")
        assert time.monotonic() - begun < 10  # a process for each would take half a minute


def test_the_limits_are_the_settings() -> None:
    """An operator's numbers would change nothing."""
    settings = IngestorSettings(read_timeout_s=2.5, read_memory_mb=300, max_document_bytes=10)
    limits = Limits.of(settings)
    assert limits == Limits(timeout_s=2.5, memory_bytes=300 * MB, cpu_s=3, reply_bytes=20)
