"""Wires the generator: which stream goes to which function."""

from functools import partial

from services.generator.handler import generate
from services.generator.settings import GeneratorSettings
from services.generator.tokens import TokenStream
from shared.delivery import Stage
from shared.messages import Generate, Query, decode_generate
from shared.settings import load
from shared.streams import decoded
from shared.triton import EMBEDDER, GENERATOR
from shared.worker import Worker, serve, worker

GROUP = "generator"


async def run() -> None:
    """Serve until told to stop.

    Raises:
        SetupError: a setting, Redis or Triton is not as the generator needs it.
    """
    own = load(GeneratorSettings)
    async with worker(GROUP) as w:
        await serve(
            w, [_questions(w, own)], concurrency=own.concurrency, models=[EMBEDDER, GENERATOR]
        )


def _questions(w: Worker, own: GeneratorSettings) -> Stage[Generate]:
    def tokens(query: Query) -> TokenStream:
        return TokenStream(w.redis, w.names, query, w.settings.tokens_retention_s)

    return Stage(
        stream=w.names.generate,
        group=GROUP,
        decode=decoded(decode_generate),
        handle=partial(generate, triton=w.triton, tokens=tokens, endings=w.endings, settings=own),
        fail=w.endings.fail,
    )
