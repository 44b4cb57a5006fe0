"""The index's schema and searches as FT.* commands, and their replies. Pure.

The user's words never reach the query language unescaped: names of collections and documents
travel as PARAMS, the question as the bare words that a regular expression finds in it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from shared.generations import Generation
from shared.messages import Hit
from shared.streams import Argument, Namespace

FIELDS = ("document_id", "title", "page", "page_runs", "section", "text", "tokens")
_WORD = re.compile(r"\w+")
_DISTANCE = "distance"
# Words that stand in nearly every passage or ask rather than say: left out of the BM25 query.
_STOPWORDS = frozenset(
    _WORD.findall(
        "a an and are as at be but by did do does for how if in into is it no not of on or such "
        "that the their then there these they this to was what when where which who why will with"
    )
)
MOST_WORDS = 64
_RUNS = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class VectorIndex:
    """How vectors are kept and searched; docs/retrieval.md has the figures behind the defaults.

    Attributes:
        type: of a number, in the chunk as in the index.
        m: neighbours of a node, twice as many on the lowest layer.
        ef_construction: candidates that are looked at for a new node's neighbours.
        ef_runtime: candidates of a search; where more hits are asked for, these are.
    """

    type: Literal["FLOAT32", "FLOAT16"] = "FLOAT32"
    m: int = 16
    ef_construction: int = 200
    ef_runtime: int = 200

    def pack(self, vectors: bytes) -> bytes:
        """FP32 numbers as the index keeps them."""
        if self.type == "FLOAT32":
            return vectors
        return np.frombuffer(vectors, "<f4").astype("<f2").tobytes()


VECTORS = VectorIndex()


def create_index(
    names: Namespace, generation: Generation, vectors: VectorIndex = VECTORS
) -> list[Argument]:
    """FT.CREATE for the chunks of a generation with vectors [dim], cosine distance.

    Words are kept as they stand. RediSearch's stemming adds the score of a stem to that of the
    word, and a query of nothing but its stop words ends the whole server (2.10.5): neither is used.
    """
    number = generation.number
    head = ("FT.CREATE", names.search_index(number), "ON", "HASH")
    prefix = ("PREFIX", 1, names.chunk_prefix(number))
    tags = ("collection", "TAG", "CASESENSITIVE", "document_id", "TAG", "CASESENSITIVE")
    vector = (
        "TYPE", vectors.type, "DIM", generation.dim, "DISTANCE_METRIC", "COSINE", "M", vectors.m,
        "EF_CONSTRUCTION", vectors.ef_construction, "EF_RUNTIME", vectors.ef_runtime,
    )  # fmt: skip
    return [
        *head, *prefix, "STOPWORDS", 0, "SCHEMA", *tags, "text", "TEXT", "NOSTEM",
        "embedding", "VECTOR", "HNSW", len(vector), *vector,
    ]  # fmt: skip


def dense(
    search_index: str,
    collection: str,
    document_ids: Sequence[str],
    vector: bytes,
    limit: int,
    *,
    ef: int = VECTORS.ef_runtime,
    exact: bool = False,
) -> list[Argument]:
    """Nearest neighbours of a vector, packed as the index of this name has them.

    They are the true ones if `exact` is set, or the scope is of a few documents: every vector of
    the scope is looked at. Else the graph is walked with `ef` candidates.
    """
    scope, params = _scope(collection, document_ids)
    how = "ADHOC_BF" if exact or document_ids else f"BATCHES EF_RUNTIME {ef}"
    query = f"({scope})=>[KNN $limit @embedding $vector HYBRID_POLICY {how} AS {_DISTANCE}]"
    params = {**params, "vector": vector, "limit": limit}
    return [
        "FT.SEARCH", search_index, query, *_returning(_DISTANCE, *FIELDS),
        "SORTBY", _DISTANCE, "LIMIT", 0, limit, *_parameters(params),
    ]  # fmt: skip


def lexical(
    search_index: str, collection: str, document_ids: Sequence[str], question: str, limit: int
) -> list[Argument] | None:
    """BM25 over the question's words, any of them; None if it has no word to look for."""
    words = keywords(question)
    if not words:
        return None
    scope, params = _scope(collection, document_ids)
    query = f"({scope}) @text:({'|'.join(words)})"
    return [
        "FT.SEARCH", search_index, query, *_returning(*FIELDS),
        "SCORER", "BM25STD", "LIMIT", 0, limit, *_parameters(params),
    ]  # fmt: skip


def count(search_index: str, collection: str) -> list[Argument]:
    """How many chunks a collection has: the first number of the reply."""
    scope, params = _scope(collection, ())
    head = ("FT.SEARCH", search_index, scope)
    return [*head, "NOCONTENT", "LIMIT", 0, 0, *_parameters(params)]


def keywords(question: str) -> list[str]:
    """The question's words that say something, lower case, each once, at most MOST_WORDS."""
    # an underscore alone is a word to the expression and a fault to the query language
    words = (word.lower() for word in _WORD.findall(question) if word.strip("_"))
    return [w for w in dict.fromkeys(words) if w not in _STOPWORDS][:MOST_WORDS]


def _scope(collection: str, document_ids: Sequence[str]) -> tuple[str, dict[str, Argument]]:
    params: dict[str, Argument] = {"collection": collection}
    scope = "@collection:{$collection}"
    if document_ids:
        params |= {f"d{number}": found for number, found in enumerate(document_ids)}
        wanted = "|".join(f"$d{number}" for number in range(len(document_ids)))
        scope += f" @document_id:{{{wanted}}}"
    return scope, params


def _returning(*fields: str) -> list[Argument]:
    return ["RETURN", len(fields), *fields]


def _parameters(params: Mapping[str, Argument]) -> list[Argument]:
    flat: list[Argument] = [part for item in params.items() for part in item]
    return ["PARAMS", len(flat), *flat, "DIALECT", 2]


def read_fields(prefix: str, reply: Sequence[object]) -> dict[str, Sequence[bytes]]:
    """Chunks of an FT.SEARCH reply (RESP2: total, then key and fields in turn), best first.

    Args:
        prefix: what the keys of chunks begin with.
        reply: as Redis gave it.

    Returns:
        By chunk id, in order, its fields' names and values in turn. Few of many become hits, and
        `hit_of` makes those.
    """
    return {
        key.decode().removeprefix(prefix): fields
        for key, fields in zip(reply[1::2], reply[2::2], strict=True)
        if isinstance(key, bytes) and isinstance(fields, list)
    }


def read_hits(prefix: str, reply: Sequence[object]) -> dict[str, Hit]:
    """The same as hits with a score of 0: the fusion gives them theirs."""
    found = read_fields(prefix, reply)
    return {chunk_id: hit_of(chunk_id, paired(fields)) for chunk_id, fields in found.items()}


def paired(fields: Sequence[bytes]) -> dict[bytes, bytes]:
    """Values by name, of names and values in turn."""
    return dict(zip(fields[::2], fields[1::2], strict=True))


def hit_of(chunk_id: str, fields: Mapping[bytes, bytes]) -> Hit:
    """A chunk's HASH as a hit with a score of 0; what is missing is empty."""
    text = {name.decode(): value.decode() for name, value in fields.items()}
    return Hit(
        chunk_id=chunk_id,
        document_id=text.get("document_id", ""),
        title=text.get("title", ""),
        page=int(text["page"]) if text.get("page") else None,
        section=text.get("section", ""),
        text=text.get("text", ""),
        tokens=int(text.get("tokens", 0)),
        score=0.0,
        page_runs=msgspec.json.decode(text.get("page_runs", "[]"), type=_RUNS),
    )
