"""Wires the embedder: which stream goes to which function."""

from dataclasses import replace
from functools import partial
from typing import Any

from services.embedder.batching import Batcher
from services.embedder.handler import change_lane, embed_chunks, embed_query
from services.embedder.questions import read_query
from services.embedder.settings import EmbedderSettings
from shared import metrics
from shared.backpressure import room_behind
from shared.delivery import Stage
from shared.messages import Embed, Priority, Query, decode_embed
from shared.settings import load
from shared.streams import Effect, Entry, decoded, peek_id
from shared.triton import EMBEDDER
from shared.worker import Worker, serve, workers

GROUP = "embedder"


async def run() -> None:
    """Serve until told to stop.

    Raises:
        SetupError: a setting, Redis or Triton is not as the embedder needs it.
    """
    own = load(EmbedderSettings)
    async with workers(GROUP) as each:
        await serve({w: _stages(w, own) for w in each}, models=[EMBEDDER])


def _stages(w: Worker, own: EmbedderSettings) -> list[Stage[Any]]:
    room = room_behind(w.redis, w.names.lane(w.names.retrieve, "bulk"), own.bulk_ahead)
    interactive = _questions(w, own, "interactive")
    bulk = replace(_questions(w, own, "bulk"), concurrency=own.bulk_concurrency, room=room)
    return [interactive, bulk, _chunks(w, own)]


def _questions(w: Worker, own: EmbedderSettings, lane: Priority) -> Stage[Query]:
    stream = w.names.lane(w.names.queries, lane)

    def belongs_elsewhere(query: Query | None) -> bool:
        return query is not None and w.names.lane(w.names.queries, query.priority) != stream

    async def handle(entry: Entry, query: Query) -> list[Effect]:
        if belongs_elsewhere(query):
            return await change_lane(entry, query, names=w.names)
        return await embed_query(
            entry,
            query,
            triton=w.triton,
            names=w.names,
            wanted=w.wanted,
            max_chars=own.max_question_chars,
        )

    def seen(entry: Entry, query: Query | None) -> str | None:
        query_id = query.id if query else peek_id(entry)
        return w.names.seen(query_id) if query_id and not belongs_elsewhere(query) else None

    return Stage(
        stream=stream,
        group=GROUP,
        decode=read_query,
        handle=handle,
        fail=w.endings.fail_new,
        once=seen,
        concurrency=own.concurrency,
    )


def _chunks(w: Worker, own: EmbedderSettings) -> Stage[Embed]:
    def count(texts: int, tokens: int) -> None:
        w.metrics.observe(metrics.BATCH_TEXTS, texts)
        w.metrics.observe(metrics.BATCH_TOKENS, tokens)

    embed = partial(w.triton.embed, bulk=True)
    batcher = Batcher(embed, batch_tokens=own.batch_tokens, count=count)
    return Stage(
        stream=w.names.embed,
        group=GROUP,
        decode=decoded(decode_embed),
        handle=partial(embed_chunks, batcher=batcher, names=w.names),
        fail=w.endings.fail_document,
        concurrency=own.concurrency,
    )
