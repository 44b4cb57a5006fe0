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
        2,
        ge=1,
        le=1_000,
        description="Entries of a bulk lane in hand at once: an interactive question shares the "
        "processors with all of them.",
    )
    bulk_ahead: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="Entries of the next stage's bulk lane, those in hand included, past which "
        "bulk questions wait where they are. More than all workers there have in hand.",
    )
    top_k: int = Field(5, ge=1, le=50, description="Passages per question, if it names no top_k.")
    candidates: int = Field(
        50, ge=1, le=1_000, description="Hits of each search, dense and BM25, before fusion."
    )
    per_document: int = Field(
        3,
        ge=1,
        le=50,
        description="Most passages of one document, as long as others were found, too. A question "
        "about one document alone has no such limit.",
    )
    passage_tokens: int = Field(
        0,
        ge=0,
        le=4_000,
        description="Tokens up to which a found passage grows by its neighbours, at most two "
        "chunks of its section to either side; 0 hands it on as it was found.",
    )
    rerank: bool = Field(
        default=False,
        description="Let the model `reranker` in Triton order what was found. `ragstream up` sets "
        "it where one is built.",
    )
    rerank_candidates: int = Field(
        20, ge=1, le=256, description="Passages that the reranker reads, at least top_k of them."
    )
