"""Measures our generator and llama.cpp's server with the same requests, cell by cell."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from benchmarks import figures, load, machine, ours, results
from benchmarks.peers import gguf_weights, llama_build, llama_server
from benchmarks.places import CACHE, GGUF, LLAMA, LOGS, TRITON, WHEELS
from benchmarks.plan import CONTEXT_TOKENS, Cell, Plan, cells
from benchmarks.results import OURS, PEER, Run
from services.model_builder.sources import Report

LIKE: dict[str, gguf_weights.Precision] = {"fp32": "F32", "int8": "Q8_0"}
PROGRAMS = {OURS: ours.PROGRAM, PEER: llama_server.PROGRAM}
PACKAGES = ("ragstream", "nvidia-pytriton", "onnxruntime", "tritonclient", "numpy", "gguf")


def llama_options(clients: int, cores: int) -> list[str]:
    """One slot a client, each with just the cache that it needs; the rest as it comes.

    Of the two ways to hold the cache this was the faster one with 8 clients: docs/benchmarks.md.
    """
    slots = ["--parallel", str(clients), "--ctx-size", str(clients * CONTEXT_TOKENS)]
    return [*slots, "--no-kv-unified", "--threads", str(cores)]


@contextlib.contextmanager
def servers(cell: Cell, report: Report, cores: int) -> Iterator[dict[str, str]]:
    """Both systems, ready; yields the address of each by its name."""
    weights = gguf_weights.default_weights(LIKE[cell.pair], GGUF, WHEELS, report)
    program = llama_build.built_server(LLAMA)
    options = llama_options(cell.clients, cores)
    repository = ours.built_repository(cell.pair, CACHE, WHEELS, lambda _line: None)
    LOGS.mkdir(parents=True, exist_ok=True)
    with (
        ours.running(repository, TRITON) as ours_url,
        llama_server.running(program, weights, options, LOGS / "llama-server.log") as peer_url,
    ):
        yield {OURS: ours_url, PEER: peer_url}


async def measure(cell: Cell, system_name: str, url: str) -> Run:
    """One system under one load, after a warm-up."""
    system = ours.Ours(url) if system_name == OURS else llama_server.LlamaServer(url)
    names = list(PROGRAMS.values())
    try:
        await load.run(system, [cell.warm_up], clients=1)
        before = machine.times(names)
        outcomes = await load.run(system, cell.requests, cell.clients)
        after = machine.times(names)
    finally:
        await system.close()
    return Run(
        round=cell.round,
        pair=cell.pair,
        clients=cell.clients,
        system=system_name,
        figures=figures.summarize(outcomes),
        busy=machine.busy(before, after, PROGRAMS[system_name]),
        memory_bytes=machine.memory_bytes(PROGRAMS[system_name]),
    )


def compare(plan: Plan, report: Report) -> list[Run]:
    """Measure everything; says each run as it is done."""
    here = machine.describe(PACKAGES)
    repository = ours.built_repository(plan.pairs[0], CACHE, WHEELS, report)
    tokenizer = ours.tokenizer(repository)

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    runs = []
    for cell in cells(plan, count):
        with servers(cell, report, here.cores) as urls:
            for name in cell.order:
                runs.append(asyncio.run(measure(cell, name, urls[name])))
                report(_progress(runs[-1], plan.rounds))
    return runs


def _progress(run: Run, rounds: int) -> str:
    found = run.figures
    return (
        f"round {run.round} of {rounds}, {run.pair}, {run.clients} clients, {run.system}: "
        f"{found.tokens_per_s:.1f} tokens/s, first token after {found.ttft_mean_s:.2f} s "
        f"({found.requests} requests in {found.seconds:.0f} s)"
    )


def conclude(plan: Plan, runs: Sequence[Run], *, short: bool, seconds: float) -> results.Results:
    """Everything that the JSON file says."""
    here = machine.describe(PACKAGES)
    medians = results.rows(runs)
    by_pair = results.ratios(medians)
    return results.Results(
        quick=short,
        ratios=results.better(by_pair),
        ratios_by_pair=by_pair,
        medians=medians,
        rounds=list(runs),
        settings={
            "llama.cpp": f"{llama_build.PROJECT} {llama_build.VERSION}'s llama-server",
            "llama.cpp build": " ".join(f"-D{k}={v}" for k, v in llama_build.OPTIONS.items()),
            **{
                f"llama.cpp options at {clients}": " ".join(llama_options(clients, here.cores))
                for clients in plan.clients
            },
            "ragstream": "Triton's gRPC, the repository's config.pbtxt as it stands",
            "requests": "greedy, end tokens ignored, closed loop",
        },
        machine=here,
        seconds=seconds,
    )
