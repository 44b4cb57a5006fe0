"""What upstream systems put on `queries`, read and checked. Pure."""

from msgspec.structs import replace

from shared.edge import read_edge
from shared.errors import InvalidQuery
from shared.messages import Query, decode_query
from shared.streams import Entry


def read_query(entry: Entry, *, max_chars: int) -> Query:
    """Read a question; where it brings no id, it takes the entry's.

    Args:
        entry: an entry of `queries`.
        max_chars: longest question accepted.

    Raises:
        Undecodable: the bytes are no JSON.
        InvalidMessage: a field is missing, of a wrong type or out of bounds.
        InvalidQuery: the question is empty or too long.
    """
    query = read_edge(entry, Query, decode_query)
    question = query.question.strip()
    if not question:
        raise InvalidQuery("the question is empty")
    if len(question) > max_chars:
        raise InvalidQuery(f"the question has {len(question)} characters, at most {max_chars}")
    return replace(query, id=query.id or entry.id)
