"""The floor: one process that calls our own models directly, with no Redis and no Triton.

    python -m benchmarks.asking.floor SETUP.json

The workers' own functions around the models are called one after the other. Passages are those
that ragstream's search brought for the question, looked up: the prompts are the same, and searching
counts as plumbing. What the pipeline costs beyond this is plumbing.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.asking.models import InProcess, Toys
from benchmarks.peers import asked
from services.generator.handler import generate
from services.generator.settings import GeneratorSettings
from shared.answers import Endings
from shared.messages import Generate, Hit, Query
from shared.streams import Entry, Namespace, Retention

NAMES = Namespace("floor")
_ENDINGS = Endings(NAMES, Retention(query_s=60, answer_s=60, tokens_s=60), time.time)


class _Always:
    """Everybody waits for his answer; see shared/wanted.py."""

    @asynccontextmanager
    async def during(self, _query: Query, _accepted_ms: int) -> AsyncIterator[None]:
        """Nobody cancels."""
        yield


class _First:
    """Tokens as they come; see services/generator/tokens.py."""

    def __init__(self, first: asked.First) -> None:
        self._first = first

    async def start(self, _attempt: int) -> None:
        """The model begins."""

    async def add(self, text: str) -> None:
        """A piece came."""
        if text:
            self._first()


class Floor:
    """The models, and the passages of each question.

    Args:
        setup: what every system is given, with the `hits` of each question, and a `repository` or
            the `toy_step_s` of toys.
    """

    def __init__(self, setup: dict[str, Any]) -> None:
        step_s = setup.get("toy_step_s")
        self._models: Any = InProcess(Path(setup["repository"])) if step_s is None else Toys(step_s)
        self._hits = {
            question: msgspec.convert(hits, tuple[Hit, ...])
            for question, hits in setup["hits"].items()
        }
        self._new_tokens = int(setup["new_tokens"])
        self._stream = bool(setup["stream"])
        self._settings = GeneratorSettings(answerable_threshold=0)  # as ragstream is given

    async def ask(self, question: str, first: asked.First) -> asked.Said:
        """What the workers do, one after the other."""
        query = Query(
            id=question[:200],
            question=question,
            max_tokens=self._new_tokens,
            profile="stuff",
            stream=self._stream,
        )
        before_s = self._models.model_s
        await self._models.embed([question])
        message = Generate(query=query, hits=self._hits[question], accepted_ms=0)
        effects = await generate(
            Entry("floor", "0-1"),
            message,
            triton=self._models,
            tokens=lambda _query: _First(first),  # type: ignore[arg-type,return-value] # a small stand-in
            endings=_ENDINGS,
            wanted=_Always(),  # type: ignore[arg-type] # a small stand-in
            settings=self._settings,
        )
        usage = next(effect.answer.usage for effect in effects if effect.answer)
        return {
            "prompt_tokens": usage.prompt_tokens,
            "new_tokens": usage.completion_tokens,
            "stages_ms": {"models": (0.0, (self._models.model_s - before_s) * 1000)},
        }


async def _main(setup: dict[str, Any]) -> None:
    await asked.serve_tasks(Floor(setup).ask)


if __name__ == "__main__":
    asyncio.run(_main(json.loads(Path(sys.argv[1]).read_bytes())))
