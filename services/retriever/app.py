"""Wires the retriever: which stream goes to which function."""

from functools import partial

from services.retriever.handler import retrieve, store
from services.retriever.settings import RetrieverSettings
from shared.delivery import Stage
from shared.messages import Index, Retrieve, decode_index, decode_retrieve
from shared.settings import load
from shared.streams import decoded
from shared.worker import Worker, serve, worker

GROUP = "retriever"


async def run() -> None:
    """Serve until told to stop.

    Raises:
        SetupError: a setting or Redis is not as the retriever needs it.
    """
    own = load(RetrieverSettings)
    async with worker(GROUP) as w:
        await serve(w, [_questions(w, own), _chunks(w)], concurrency=own.concurrency, search=True)


def _questions(w: Worker, own: RetrieverSettings) -> Stage[Retrieve]:
    return Stage(
        stream=w.names.retrieve,
        group=GROUP,
        decode=decoded(decode_retrieve),
        handle=partial(
            retrieve,
            redis=w.redis,
            names=w.names,
            endings=w.endings,
            top_k=own.top_k,
            candidates=own.candidates,
        ),
        fail=w.endings.fail,
    )


def _chunks(w: Worker) -> Stage[Index]:
    return Stage(
        stream=w.names.index,
        group=GROUP,
        decode=decoded(decode_index),
        handle=partial(store, redis=w.redis, names=w.names),
        fail=w.endings.fail_document,
    )
