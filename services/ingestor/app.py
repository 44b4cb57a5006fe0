"""Wires the ingestor: which stream goes to which function."""

import os
from functools import partial

from services.ingestor.documents import read_document
from services.ingestor.handler import ingest
from services.ingestor.sandbox import Limits, Sandbox
from services.ingestor.settings import IngestorSettings
from shared.delivery import Stage
from shared.errors import RagstreamError
from shared.messages import Document
from shared.settings import load
from shared.streams import Effect, Entry, peek_id
from shared.triton import EMBEDDER
from shared.worker import Worker, serve, workers

GROUP = "ingestor"


async def run() -> None:
    """Serve until told to stop.

    Raises:
        SetupError: a setting, Redis or Triton is not as the ingestor needs it.
    """
    own = load(IngestorSettings)
    readers = min(own.concurrency, len(os.sched_getaffinity(0)))  # more would only take turns
    async with workers(GROUP) as each, Sandbox(Limits.of(own), readers) as sandbox:
        await serve({w: [_documents(w, own, sandbox)] for w in each}, models=[EMBEDDER])


def _documents(w: Worker, own: IngestorSettings, sandbox: Sandbox) -> Stage[Document]:
    def fail(entry: Entry, document: Document | None, error: RagstreamError) -> list[Effect]:
        document_id = document.id if document else peek_id(entry)
        upload = (document.upload or "") if document else ""
        return w.endings.document_failed(document_id, upload, error) if document_id else []

    return Stage(
        stream=w.names.documents,
        group=GROUP,
        decode=read_document,
        handle=partial(
            ingest,
            redis=w.redis,
            triton=w.triton,
            names=w.names,
            settings=own,
            read=sandbox.read,
        ),
        fail=fail,
        concurrency=own.concurrency,
    )
