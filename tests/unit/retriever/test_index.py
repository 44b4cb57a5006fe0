"""What a document's commit does to its chunks, in which order."""

import pytest

from services.retriever.index import write
from shared.messages import Chunk, Index
from shared.streams import Namespace

NAMES = Namespace("{rag}")


@pytest.mark.parametrize("old_chunks", [0, 1, 2, 5])
def test_no_commit_makes_a_key_that_it_has_removed(old_chunks: int) -> None:
    """While a cluster moves the slot, a node refuses that, and the commit would end half done."""
    chunks = tuple(Chunk(text="x", tokens=1) for _ in range(2))
    message = Index(
        document_id="d",
        collection="c",
        name="",
        title="",
        sha256="",
        chunks=chunks,
        embeddings=bytes(2 * 4 * 4),
    )
    effects = write(NAMES, 2, message, old_chunks)
    removed = [effect.key for effect in effects if effect.command == "DEL"]
    written = [effect.key for effect in effects if effect.command == "HSET"]
    assert not set(removed) & set(written)
    assert removed == [NAMES.chunk(2, "d", number) for number in range(2, old_chunks)]
