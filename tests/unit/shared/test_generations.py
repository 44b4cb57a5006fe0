"""Generations of the index, as a hash in Redis names them."""

import pytest

from shared.errors import OutdatedIndex
from shared.generations import (
    SCHEMA,
    UNKNOWN,
    Generation,
    Generations,
    check_schema,
    facts,
    parse,
)
from shared.streams import Namespace

NAMES = Namespace("rag")
FIRST = Generation(number=1, schema=SCHEMA, model="a", dim=4)
SECOND = Generation(number=2, schema=SCHEMA, model="b", dim=6)


def written(*known: Generation, **names: object) -> dict[bytes, bytes]:
    fields = {name.encode(): str(value).encode() for name, value in names.items()}
    return fields | {number.encode(): said for number, said in map(facts, known)}


def test_what_is_written_is_read() -> None:
    """A rebuild would go on with another model, or begin anew."""
    assert parse({}) == Generations()
    fields = written(FIRST, SECOND, active=1, next=2, last=2, listed=2)
    assert parse(fields) == Generations(active=FIRST, next=SECOND, last=2, listed=True)
    assert parse(written(SECOND, active=2, old=0)).old == UNKNOWN


def test_a_commit_expects_the_generations_that_it_writes() -> None:
    """Chunks would be written into an index that is no longer searched, or missed by a rebuild."""
    pairs = [one.arguments for one in Generations(active=FIRST, next=SECOND).unchanged(NAMES)]
    assert pairs == [("active", "1"), ("next", "2")]
    pairs = [one.arguments for one in Generations(active=FIRST).unchanged(NAMES)]
    assert pairs == [("active", "1"), ("next", "")]


def test_no_generations_chunks_are_anothers() -> None:
    """One index would find what the other one holds."""
    prefixes = [NAMES.chunk_prefix(number) for number in (0, 1, 2, 12)]
    assert not [a for a in prefixes for b in prefixes if a != b and b.startswith(a)]


@pytest.mark.parametrize(
    ("schema", "words"), [(SCHEMA - 1, "index rebuild"), (SCHEMA + 1, "newer")]
)
def test_another_schema_is_an_error_that_says_what_to_do(schema: int, words: str) -> None:
    """An index of an older or newer ragstream would be read as what it is not."""
    check_schema(FIRST)
    with pytest.raises(OutdatedIndex, match=words):
        check_schema(Generation(number=1, schema=schema, model="a", dim=4))
