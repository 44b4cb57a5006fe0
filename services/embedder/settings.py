"""Settings of the embedder, `RAGSTREAM_EMBEDDER_…`."""

from typing import ClassVar

from pydantic import Field

from shared.settings import PREFIX, Settings


class EmbedderSettings(Settings):
    """How the embedder takes questions in and how much it sends to Triton at once."""

    prefix: ClassVar[str] = f"{PREFIX}EMBEDDER_"

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
    max_question_chars: int = Field(
        4_000, ge=1, le=1_000_000, description="Longest question accepted, in characters."
    )
    batch_tokens: int = Field(
        4_096,
        ge=1,
        le=65_536,
        description="Most tokens of chunks in one request to Triton, those of several documents "
        "together. Two requests are under way at once; a question waits for one at most.",
    )
