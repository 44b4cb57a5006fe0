"""`ragstream batch` killed and begun again, over real servers and real workers."""

import asyncio
import csv
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.cli.journal import beside, load
from services.cli.redis import url
from shared.messages import Chunk, Embed, decode_answer, encode_msgpack
from shared.streams import DATA
from tests.chaos.crew import WORKER
from tests.chaos.ledger import NAMES
from tests.chaos.stack import PASSWORD, ChaosStack, chaos_stack
from tests.polling import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUESTIONS = [f"What does part {number} of the paper say about tides?" for number in range(28)]
PAPERS = [f"paper-{number}" for number in range(10)]
WITHIN_S = 120.0
ASKED = NAMES.lane(NAMES.queries, "bulk")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ChaosStack]:
    """One stack with ten papers in its index."""
    folder: Path = tmp_path_factory.mktemp("batch")
    counts = {"embedder": 1, "retriever": 1, "generator": 2}
    async with chaos_stack(folder, module=WORKER, counts=counts, wired=False) as running:
        for paper in PAPERS:
            await running.direct.xadd(NAMES.embed, {DATA: encode_msgpack(chunked(paper))})
        async with running.client() as client:
            async for one in client.wait_ingested(PAPERS, timeout_s=60):
                assert one.state == "ingested", one
        yield running


async def test_a_batch_killed_in_the_middle_asks_nothing_twice(
    stack: ChaosStack, tmp_path: Path
) -> None:
    """A crash on the second day would cost the first day's answers, or have them paid twice."""
    out = tmp_path / "answers.csv"
    async with batch(stack, tmp_path, out) as killed:
        await until(lambda: journalled(out, 60), WITHIN_S)
        killed.kill()
        assert await killed.wait() == -signal.SIGKILL
    before = len(load(out).answers)
    assert before < 280
    assert not out.exists()
    await until(lambda: answered(stack, before + 40), WITHIN_S)  # some come while nobody is there
    await complete(stack, tmp_path, out)
    assert (await stack.direct.xinfo_stream(ASKED))["entries-added"] == 280
    rows: Any = await stack.direct.xrange(NAMES.answers)
    ids = [decode_answer(fields[DATA]).query_id for _, fields in rows]
    assert len(ids) == len(set(ids)) == 280
    with out.open(newline="") as file:
        found = [(row["document_id"], row["question"]) for row in csv.DictReader(file)]
    assert found == [(paper, question) for paper in PAPERS for question in QUESTIONS]


async def test_a_batch_that_is_done_asks_nothing(stack: ChaosStack, tmp_path: Path) -> None:
    """A look at yesterday's run would ask it once more."""
    out = tmp_path / "answers.jsonl"
    for _ in range(2):
        await complete(stack, tmp_path, out, "--document", PAPERS[0])
    assert (await stack.direct.xinfo_stream(ASKED))["entries-added"] == 280 + 28
    assert len(out.read_text("utf-8").splitlines()) == 28


def chunked(paper: str) -> Embed:
    """What an ingestor makes of a paper."""
    text = f"Tides of {paper} follow the moon. The spring tide of {paper} comes at full moon."
    chunk = Chunk(text=text, page=3, tokens=len(text.split()))
    return Embed(
        document_id=paper, collection="tides", name=paper, title="", sha256="", chunks=(chunk,)
    )


async def complete(stack: ChaosStack, folder: Path, out: Path, *words: str) -> None:
    """Run it to its end."""
    async with batch(stack, folder, out, *words) as run:
        said, _ = await run.communicate()
        assert run.returncode == 0, said.decode()


@asynccontextmanager
async def batch(
    stack: ChaosStack, folder: Path, out: Path, *words: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`ragstream batch` as a user starts it; it does not outlive the block."""
    questions = folder / "questions.txt"
    questions.write_text("\n".join(QUESTIONS), "utf-8")
    command = ("batch", str(questions), "--collection", "tides", "--per-document")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RAGSTREAM_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli.main", *command),
        *("--out", str(out), "--max-tokens", "20", *words),
        env={
            **inherited,
            "RAGSTREAM_REDIS_URL": url(stack.redis_port),
            "RAGSTREAM_REDIS_PASSWORD": PASSWORD,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def journalled(out: Path, count: int) -> bool:
    """Whether so many answers are written down."""
    journal = beside(out)
    return journal.exists() and journal.read_bytes().count(b'"type":"answered"') >= count


async def answered(stack: ChaosStack, count: int) -> bool:
    """Whether so many answers came."""
    return int(await stack.direct.xlen(NAMES.answers)) >= count
