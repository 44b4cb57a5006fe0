"""The systems that are compared, started together: one of them is under load at a time."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil

from benchmarks.asking import model_time, program, setup, stack
from benchmarks.asking.program import Program
from benchmarks.finding.pipeline import cores
from benchmarks.peers import llama_build, llama_server
from benchmarks.places import LLAMA
from services.model_builder.info import Precision
from services.model_builder.sources import Report
from shared.errors import RagstreamError
from tests.running_stack import Stack

OURS, FLOOR = "ragstream", "one process"
CLASSIC, SERVED, HAYSTACK = "LangChain", "LangChain + server", "Haystack + server"
SYSTEMS = (OURS, FLOOR, CLASSIC, SERVED, HAYSTACK)
_SLOTS = 16  # of llama.cpp's server; our generator runs as many
_PATIENCE_S = 1_800.0
_System = contextlib.AbstractContextManager[Program, bool | None]


async def ingest(running: Stack, documents: Mapping[str, str]) -> None:
    """Put documents into a stack.

    Raises:
        RagstreamError: one was not taken.
    """
    async with running.client() as client:
        for name, text in documents.items():
            await client.ingest(text.encode(), document_id=name, name=f"{name}.txt")
        async for state in client.wait_ingested(documents, timeout_s=_PATIENCE_S):
            if state.state != "ingested":
                raise RagstreamError(f"{state.id} was not ingested: {state}")


def own_setup(running: Stack, *, stream: bool) -> dict[str, object]:
    """What an asker of ours must know."""
    return {
        "redis_url": running.state()["redis_url"],
        "password": setup.password(running),
        "top_k": setup.TOP_K,
        "new_tokens": setup.NEW_TOKENS,
        "stream": stream,
    }


@contextlib.contextmanager
def ours(running: Stack, folder: Path, *, stream: bool) -> Iterator[Program]:
    """ragstream, with all processes of its stack."""
    roots = [int(running.state()["pid"])]
    with program.running(
        OURS, program.OURS, own_setup(running, stream=stream), folder, roots
    ) as found:
        yield replace(found, models_s=partial(model_time.read, running))


@dataclass(frozen=True, kw_only=True)
class Given:
    """What all systems have in common.

    Attributes:
        precision: of the model's weights.
        documents: texts by id.
        questions: all that will be asked.
        stream: whoever asks reads along.
    """

    precision: Precision
    documents: Mapping[str, str]
    questions: Sequence[str]
    stream: bool = False


@contextlib.contextmanager
def all_running(
    same: Given,
    folder: Path,
    report: Report,
    peer_python: str | None,
    wanted: Sequence[str] = SYSTEMS,
) -> Iterator[list[Program]]:
    """Every system, with the documents in it.

    Args:
        same: what they have in common.
        folder: for logs and data.
        report: told what is going on, a line at a time.
        peer_python: of an environment with locks/bench-pipeline.txt; None leaves the peers out.
        wanted: names of systems; ragstream is always among them.
    """
    precision, stream = same.precision, same.stream
    models = setup.endless(precision, report)
    with contextlib.ExitStack() as open_:
        running = open_.enter_context(
            stack.running(folder / "stack", models, variables=setup.ASKS_ALWAYS)
        )
        asyncio.run(ingest(running, same.documents))
        texts = setup.chunks(running)
        report(f"{len(same.documents)} documents, {len(texts)} chunks")
        given = setup.peers_setup(precision, texts, report, stream=stream)
        hits = asyncio.run(setup.hits(running, same.questions))
        floor = {**given, "repository": str(models), "hits": hits}
        others: dict[str, _System] = {
            FLOOR: program.running(FLOOR, program.FLOOR, floor, folder),
        }
        if peer_python:
            others |= _peers(given, folder, peer_python)
        found = [open_.enter_context(ours(running, folder, stream=stream))]
        found += [open_.enter_context(one) for name, one in others.items() if name in wanted]
        yield found


def _peers(given: dict[str, object], folder: Path, python: str) -> dict[str, _System]:
    chain = program.script(python, "langchain_chain.py")
    pipeline = program.script(python, "haystack_pipeline.py")
    return {
        CLASSIC: program.running(CLASSIC, chain, given, folder),
        SERVED: _with_server(SERVED, chain, given, folder),
        HAYSTACK: _with_server(HAYSTACK, pipeline, given, folder),
    }


@contextlib.contextmanager
def _with_server(
    name: str, argv: tuple[str, ...], given: dict[str, object], folder: Path
) -> Iterator[Program]:
    """A peer with a llama.cpp server of its own."""
    options = ["--parallel", str(_SLOTS), "--ctx-size", str(_SLOTS * setup.CONTEXT_TOKENS)]
    options += ["--no-kv-unified", "--threads", str(cores())]
    server, log = llama_build.built_server(LLAMA), folder / f"{name}.server.log"
    before = {one.pid for one in psutil.Process().children()}
    with llama_server.running(server, Path(str(given["gguf"])), options, log) as url:
        roots = [one.pid for one in psutil.Process().children() if one.pid not in before]
        with program.running(name, argv, {**given, "server": url}, folder, roots) as found:
            yield found
