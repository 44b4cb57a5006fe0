"""Wires the retriever: which stream goes to which function."""

from dataclasses import replace
from functools import partial
from typing import Any

from services.retriever import life
from services.retriever.extent import Extents
from services.retriever.handler import retrieve, store
from services.retriever.index import Reach
from services.retriever.reranking import Reranker
from services.retriever.searched import Searched
from services.retriever.settings import RetrieverSettings
from shared.backpressure import room_behind
from shared.delivery import Stage
from shared.embedders import Embedders
from shared.messages import Index, Priority, Retrieve, decode_index, decode_retrieve
from shared.settings import load
from shared.streams import decoded
from shared.triton import RERANKER
from shared.worker import Worker, serve, workers

GROUP = "retriever"


async def run() -> None:
    """Serve until told to stop.

    Raises:
        SetupError: a setting or Redis is not as the retriever needs it.
    """
    own = load(RetrieverSettings)
    models = [RERANKER] if own.rerank else []
    async with workers(GROUP) as each:
        stages = {w: _stages(w, own) for w in each}
        await serve(stages, search=True, models=models, note=_restore)


async def _restore(w: Worker) -> None:
    await life.restore(w.redis, w.names)


def _stages(w: Worker, own: RetrieverSettings) -> list[Stage[Any]]:
    room = room_behind(w.redis, w.names.lane(w.names.generate, "bulk"), own.bulk_ahead)
    embedders = Embedders(w.triton)
    interactive = _questions(w, own, embedders, "interactive")
    bulk = replace(
        _questions(w, own, embedders, "bulk"), concurrency=own.bulk_concurrency, room=room
    )
    return [interactive, bulk, _chunks(w, embedders)]


def _questions(
    w: Worker, own: RetrieverSettings, embedders: Embedders, lane: Priority
) -> Stage[Retrieve]:
    reranker = Reranker(triton=w.triton, candidates=own.rerank_candidates)
    return Stage(
        stream=w.names.lane(w.names.retrieve, lane),
        group=GROUP,
        decode=decoded(decode_retrieve),
        handle=partial(
            retrieve,
            redis=w.redis,
            names=w.names,
            wanted=w.wanted,
            searched=Searched(w.redis, w.names, embedders),
            reach=Reach(
                top_k=own.top_k,
                candidates=max(own.candidates, own.top_k),
                per_document=own.per_document,
                passage_tokens=own.passage_tokens,
            ),
            extents=Extents(w.redis),
            reranker=reranker if own.rerank else None,
        ),
        fail=w.endings.fail,
        concurrency=own.concurrency,
    )


def _chunks(w: Worker, embedders: Embedders) -> Stage[Index]:
    return Stage(
        stream=w.names.index,
        group=GROUP,
        decode=decoded(decode_index),
        handle=partial(store, redis=w.redis, names=w.names, embedders=embedders),
        fail=w.endings.fail_document,
    )
