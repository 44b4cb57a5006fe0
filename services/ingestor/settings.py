"""Settings of the ingestor, `RAGSTREAM_INGESTOR_…`."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from shared.settings import PREFIX, Settings


class IngestorSettings(Settings):
    """What the ingestor accepts and how it cuts documents into chunks."""

    prefix: ClassVar[str] = f"{PREFIX}INGESTOR_"

    concurrency: int = Field(
        8,
        ge=1,
        le=100,
        description="Documents in hand at once. As many are read together as there are cores; the "
        "others wait for the embedder to count their tokens, behind the chunks that it computes.",
    )
    max_document_bytes: int = Field(
        100 * 2**20, ge=1, le=512 * 2**20, description="Largest document accepted, in bytes."
    )
    read_timeout_s: float = Field(
        120, gt=0, le=3_600, description="Longest time to read one document, in seconds."
    )
    read_memory_mb: int = Field(
        2_048, ge=256, le=2**20, description="Most memory to read one document with, in MiB."
    )
    chunk_tokens: int = Field(
        200, ge=20, le=8_192, description="Longest chunk, in tokens of the embedder's tokenizer."
    )
    overlap_tokens: int = Field(
        40, ge=0, le=4_096, description="Most tokens that a chunk repeats of the one before."
    )

    keep_references: bool = Field(
        default=False,
        description="Make chunks of lists of literature, too, in sections of their own.",
    )

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if self.overlap_tokens >= self.chunk_tokens:
            raise ValueError("OVERLAP_TOKENS must be below CHUNK_TOKENS")
        return self
