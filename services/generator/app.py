"""Wires the generator: which stream goes to which function."""

from functools import partial

from services.generator.handler import generate
from services.generator.settings import GeneratorSettings
from services.generator.tokens import TokenStream
from shared.delivery import Stage
from shared.messages import Generate, Priority, Query, decode_generate
from shared.settings import load
from shared.streams import decoded
from shared.triton import EMBEDDER, GENERATOR, GRADER
from shared.worker import Worker, serve, workers

GROUP = "generator"


async def run() -> None:
    """Serve until told to stop.

    Raises:
        SetupError: a setting, Redis or Triton is not as the generator needs it.
    """
    own = load(GeneratorSettings)
    async with workers(GROUP) as each:
        await serve({w: _stages(w, own) for w in each}, models=[EMBEDDER, GRADER, GENERATOR])


def _stages(w: Worker, own: GeneratorSettings) -> list[Stage[Generate]]:
    interactive = _questions(w, own, "interactive", own.concurrency)
    bulk = _questions(w, own, "bulk", own.bulk_concurrency)
    return [interactive, bulk]


def _questions(
    w: Worker, own: GeneratorSettings, lane: Priority, concurrency: int
) -> Stage[Generate]:
    def tokens(query: Query) -> TokenStream:
        return TokenStream(w.redis, w.names, query, w.settings.tokens_retention_s)

    return Stage(
        stream=w.names.lane(w.names.generate, lane),
        group=GROUP,
        decode=decoded(decode_generate),
        handle=partial(
            generate,
            triton=w.triton,
            tokens=tokens,
            endings=w.endings,
            wanted=w.wanted,
            settings=own,
        ),
        fail=w.endings.fail,
        concurrency=concurrency,
    )
