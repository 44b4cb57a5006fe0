"""Searches as commands: what the user says never becomes part of the query language."""

import re

from hypothesis import given
from hypothesis import strategies as st

from services.retriever import search
from shared.streams import Namespace

INDEX = Namespace("rag").search_index(1)


def test_a_scope_of_documents_is_searched_exactly() -> None:
    """An approximate search could miss the one passage of a small scope."""
    command = search.dense(INDEX, "c", ["a", "b"], b"vector", 5)
    assert command[2] == (
        "(@collection:{$collection} @document_id:{$d0|$d1})"
        "=>[KNN $limit @embedding $vector HYBRID_POLICY ADHOC_BF AS distance]"
    )
    wide = str(search.dense(INDEX, "c", [], b"vector", 5)[2])
    assert "HYBRID_POLICY BATCHES EF_RUNTIME 200" in wide


@given(
    question=st.text(),
    collection=st.text(),
    document_ids=st.lists(st.text(), max_size=3),
)
def test_no_text_of_the_user_reaches_the_query_language(
    question: str, collection: str, document_ids: list[str]
) -> None:
    """A question could read another collection, or break the search."""
    command = search.lexical(INDEX, collection, document_ids, question, 5)
    if command is None:
        return
    words = re.findall(r"[\w|]+(?=\)$)", str(command[2]))[0]
    numbered = "|".join(f"$d{number}" for number in range(len(document_ids)))
    scope = f" @document_id:{{{numbered}}}" if document_ids else ""
    assert command[2] == f"(@collection:{{$collection}}{scope}) @text:({words})"


def test_words_that_say_nothing_are_not_looked_for() -> None:
    """Every passage that holds an "is" would be a hit."""
    assert search.keywords("What is the Data, the DATA of Zenodo?") == ["data", "zenodo"]
    assert search.lexical(INDEX, "c", [], "?!", 5) is None


def test_a_reply_is_read_to_hits() -> None:
    """Page, section or text of a citation would be wrong."""
    fields = [
        b"document_id",
        b"d",
        b"page",
        b"3",
        b"section",
        b"S",
        b"text",
        b"T.",
        b"tokens",
        b"2",
    ]
    hits = search.read_hits("rag:chunks:1:", [1, b"rag:chunks:1:d:7", fields])
    hit = hits["d:7"]
    assert (hit.document_id, hit.page, hit.section, hit.text, hit.tokens) == ("d", 3, "S", "T.", 2)
