"""The chunks around a hit, read from Redis as they stand now."""

from collections.abc import Sequence

from msgspec.structs import replace
from redis.asyncio import Redis

from services.retriever import search
from services.retriever.joining import REACH, Around, joined, number_of
from shared.messages import Hit
from shared.streams import Namespace


async def widen(
    redis: Redis,
    names: Namespace,
    generation: int,
    collection: str,
    hits: Sequence[Hit],
    budget: int,
) -> tuple[Hit, ...]:
    """Passages with their neighbours, each up to `budget` tokens; see `joining.joined`.

    They are of the generation of the index that was searched. The search is over when they are
    known. Where a document was replaced since, or the generation is gone, its hit is no longer what
    stands between them, and stays as it was found.
    """
    if not budget or not hits:
        return tuple(hits)
    async with redis.pipeline(transaction=True) as pipe:
        for hit in hits:
            for number in _numbers(hit):
                key = names.chunk(generation, hit.document_id, number)
                pipe.hmget(key, ["collection", *search.FIELDS])
        replies = iter(await pipe.execute())
    around = [
        _unchanged(hit, collection, [(number, next(replies)) for number in _numbers(hit)])
        for hit in hits
    ]
    return joined(hits, around, budget)


def _numbers(hit: Hit) -> range:
    own = number_of(hit)
    return range(max(0, own - REACH), own + REACH + 1)


def _unchanged(
    hit: Hit, collection: str, replies: Sequence[tuple[int, list[bytes | None]]]
) -> Around:
    """The chunks around a hit, none if its own is another one by now."""
    found = {
        number: search.hit_of(f"{hit.document_id}:{number}", dict(_fields(values)))
        for number, (owner, *values) in replies
        if owner is not None and owner.decode() == collection
    }
    own = found.get(number_of(hit))
    return found if own is not None and replace(own, score=hit.score) == hit else {}


def _fields(values: Sequence[bytes | None]) -> list[tuple[bytes, bytes]]:
    named = zip(search.FIELDS, values, strict=True)
    return [(name.encode(), value) for name, value in named if value is not None]
