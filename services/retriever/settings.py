"""Settings of the retriever, `RAGSTREAM_RETRIEVER_…`."""

from typing import ClassVar

from pydantic import Field

from shared.settings import PREFIX, Settings


class RetrieverSettings(Settings):
    """How many passages a search looks at and hands on."""

    prefix: ClassVar[str] = f"{PREFIX}RETRIEVER_"

    concurrency: int = Field(
        16, ge=1, le=1_000, description="Entries of a stream in hand at once, bulk lane apart."
    )
    bulk_concurrency: int = Field(
        8, ge=1, le=1_000, description="Entries of a bulk lane in hand at once."
    )
    top_k: int = Field(5, ge=1, le=50, description="Passages per question, if it names no top_k.")
    candidates: int = Field(
        50, ge=1, le=1_000, description="Hits of each search, dense and BM25, before fusion."
    )
