"""A worker with all three of a question's stages and no model: delivery alone is under attack.

Its messages, keys and commits are those of the real ones: `python -m tests.chaos.toy_pipeline`.
"""

import asyncio
from typing import Any

from services.embedder.questions import read_query
from shared.delivery import Stage
from shared.messages import Answer, Generate, Query, Retrieve, decode_generate, decode_retrieve
from shared.streams import Effect, Entry, decoded, publish
from shared.worker import Worker, serve, workers

GROUP = "toy"
CONCURRENCY = 8


async def run() -> None:
    """Serve every namespace of the settings until told to stop."""
    async with workers(GROUP) as each:
        await serve({w: stages(w) for w in each})


def stages(w: Worker) -> list[Stage[Any]]:
    """The stages of one namespace."""
    names = w.names

    async def embed(entry: Entry, query: Query) -> list[Effect]:
        await w.wanted.check(query, entry.published_ms)
        found = Retrieve(query=query, embedding=b"", accepted_ms=entry.published_ms)
        return [publish(names.retrieve, found)]

    async def retrieve(_entry: Entry, message: Retrieve) -> list[Effect]:
        found = Generate(query=message.query, hits=(), accepted_ms=message.accepted_ms)
        return [publish(names.generate, found)]

    async def generate(_entry: Entry, message: Generate) -> list[Effect]:
        return w.endings.finish(Answer(query_id=message.query.id, status="answered", text="yes"))

    def seen(_entry: Entry, query: Query | None) -> str | None:
        return names.seen(query.id) if query else None

    end, many = w.endings, CONCURRENCY
    embedder = Stage(names.queries, GROUP, read_query, embed, end.fail_new, seen, concurrency=many)
    retriever = Stage(
        names.retrieve, GROUP, decoded(decode_retrieve), retrieve, end.fail, concurrency=many
    )
    generator = Stage(
        names.generate, GROUP, decoded(decode_generate), generate, end.fail, concurrency=many
    )
    return [embedder, retriever, generator]


if __name__ == "__main__":
    asyncio.run(run())
