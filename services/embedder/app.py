"""Wires the embedder: which stream goes to which function."""

from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

import structlog

from services.embedder.batching import Batcher
from services.embedder.handler import change_lane, embed_chunks, embed_query
from services.embedder.questions import read_query
from services.embedder.settings import EmbedderSettings
from shared import generations, metrics
from shared.backpressure import room_behind
from shared.delivery import Stage
from shared.embedders import Embedders
from shared.errors import OtherEmbedder, Transient
from shared.messages import Embed, Priority, Query, decode_embed
from shared.redis import told
from shared.settings import load
from shared.streams import Effect, Entry, decoded, peek_id
from shared.triton import EMBEDDER
from shared.worker import Worker, serve, workers

log = structlog.get_logger()
GROUP = "embedder"


async def run() -> None:
    """Serve until told to stop.

    Raises:
        SetupError: a setting, Redis or Triton is not as the embedder needs it.
    """
    own = load(EmbedderSettings)
    async with workers(GROUP) as each:
        await serve({w: _stages(w, own) for w in each}, models=[EMBEDDER], note=_compare)


def _stages(w: Worker, own: EmbedderSettings) -> list[Stage[Any]]:
    room = room_behind(w.redis, w.names.lane(w.names.retrieve, "bulk"), own.bulk_ahead)
    embedders = Embedders(w.triton)
    interactive = _questions(w, own, embedders, "interactive")
    bulk = replace(
        _questions(w, own, embedders, "bulk"), concurrency=own.bulk_concurrency, room=room
    )
    return [interactive, bulk, _chunks(w, own, embedders)]


async def _compare(w: Worker) -> None:
    """Say so where the index is of a model that is not there: each question would fail.

    It is no reason to end: `ragstream index rebuild` wants the stack that this worker is part of.
    """
    with told():
        active = (await generations.read(w.redis, w.names)).active
    if active is None:
        return
    with suppress(Transient):  # too much to do to say which model it is: questions will tell
        try:
            await Embedders(w.triton).check(active.model)
        except OtherEmbedder as error:
            log.error("no question can be answered", code=error.code, reason=str(error))  # noqa: TRY400 - the words say all


def _questions(
    w: Worker, own: EmbedderSettings, embedders: Embedders, lane: Priority
) -> Stage[Query]:
    stream = w.names.lane(w.names.queries, lane)

    def belongs_elsewhere(query: Query | None) -> bool:
        return query is not None and w.names.lane(w.names.queries, query.priority) != stream

    async def handle(entry: Entry, query: Query) -> list[Effect]:
        if belongs_elsewhere(query):
            return await change_lane(entry, query, names=w.names)
        return await embed_query(
            entry,
            query,
            embedders=embedders,
            redis=w.redis,
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


def _chunks(w: Worker, own: EmbedderSettings, embedders: Embedders) -> Stage[Embed]:
    def count(texts: int, tokens: int) -> None:
        w.metrics.observe(metrics.BATCH_TEXTS, texts)
        w.metrics.observe(metrics.BATCH_TOKENS, tokens)

    @cache  # one for each model: a document's chunks are never embedded by two
    def batcher(model: str) -> Batcher:
        embed = partial(embedders.vectors, model=model, bulk=True)
        return Batcher(embed, batch_tokens=own.batch_tokens, count=count)

    return Stage(
        stream=w.names.embed,
        group=GROUP,
        decode=decoded(decode_embed),
        handle=partial(
            embed_chunks, embedders=embedders, batcher=batcher, redis=w.redis, names=w.names
        ),
        fail=w.endings.fail_document,
        concurrency=own.concurrency,
    )
