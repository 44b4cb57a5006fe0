"""Wires the embedder: which stream goes to which function."""

from functools import partial

from services.embedder.handler import embed_chunks, embed_query
from services.embedder.questions import read_query
from services.embedder.settings import EmbedderSettings
from shared.delivery import Stage
from shared.messages import Embed, Query, decode_embed
from shared.settings import load
from shared.streams import Entry, decoded, peek_id
from shared.triton import EMBEDDER
from shared.worker import Worker, serve, worker

GROUP = "embedder"


async def run() -> None:
    """Serve until told to stop.

    Raises:
        SetupError: a setting, Redis or Triton is not as the embedder needs it.
    """
    own = load(EmbedderSettings)
    async with worker(GROUP) as w:
        await serve(
            w,
            [_questions(w, own), _chunks(w, own)],
            concurrency=own.concurrency,
            models=[EMBEDDER],
        )


def _questions(w: Worker, own: EmbedderSettings) -> Stage[Query]:
    def seen(entry: Entry, query: Query | None) -> str | None:
        query_id = query.id if query else peek_id(entry)
        return w.names.seen(query_id) if query_id else None

    return Stage(
        stream=w.names.queries,
        group=GROUP,
        decode=partial(read_query, max_chars=own.max_question_chars),
        handle=partial(embed_query, triton=w.triton, names=w.names, endings=w.endings),
        fail=w.endings.fail_new,
        once=seen,
    )


def _chunks(w: Worker, own: EmbedderSettings) -> Stage[Embed]:
    return Stage(
        stream=w.names.embed,
        group=GROUP,
        decode=decoded(decode_embed),
        handle=partial(embed_chunks, triton=w.triton, names=w.names, batch_texts=own.batch_texts),
        fail=w.endings.fail_document,
    )
